// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace faultline::cramfs {
namespace {

constexpr int kMostThreads = 256;

// With the standard library's locks: ThreadSanitizer does not see into
// Debian's build of Abseil.
class Line {
 public:
  Line(size_t count, size_t window)
      : count_(count), window_(window), finished_(window) {}

  // The next item to work on; false when there is no more.
  bool Take(size_t* i) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_ && next_ < count_ && next_ >= consumed_ + window_) {
      room_.wait(lock);
    }
    if (stopped_ || next_ == count_) return false;
    *i = next_++;
    return true;
  }

  void Finish(size_t i) {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_[i % window_] = true;
    if (i == consumed_) done_.notify_one();
  }

  void AwaitFinished(size_t i) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!finished_[i % window_]) done_.wait(lock);
  }

  void Consumed(size_t i) {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_[i % window_] = false;
    consumed_ = i + 1;
    room_.notify_one();
  }

  void Stop() {
    std::unique_lock<std::mutex> lock(mutex_);
    stopped_ = true;
    room_.notify_all();
  }

 private:
  const size_t count_, window_;
  std::mutex mutex_;
  std::condition_variable room_;  // an item may be taken that could not before
  std::condition_variable done_;  // the item to be consumed next is finished
  // All below is protected by mutex_.
  size_t next_ = 0;
  size_t consumed_ = 0;
  bool stopped_ = false;
  // Of the items [consumed_, consumed_ + window_), each at its number modulo
  // window_.
  std::vector<bool> finished_;
};

}  // namespace

int ThreadsFor(int jobs) {
  const int wanted =
      jobs > 0 ? jobs : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted, 1, kMostThreads);
}

bool ParallelInOrder(int jobs, size_t count, size_t window,
                     absl::FunctionRef<void(int worker, size_t i)> work,
                     absl::FunctionRef<bool(size_t i)> consume) {
  if (jobs <= 1 || count <= 1) {
    for (size_t i = 0; i < count; ++i) {
      work(0, i);
      if (!consume(i)) return false;
    }
    return true;
  }
  window = std::min(window, count);
  Line line(count, window);
  std::vector<std::thread> threads;
  const size_t wanted = std::min(static_cast<size_t>(jobs), count);
  for (size_t worker = 0; worker < wanted; ++worker) {
    threads.emplace_back([&line, &work, worker] {
      for (size_t i; line.Take(&i);) {
        work(static_cast<int>(worker), i);
        line.Finish(i);
      }
    });
  }
  bool all = true;
  for (size_t i = 0; all && i < count; ++i) {
    line.AwaitFinished(i);
    all = consume(i);
    line.Consumed(i);
  }
  line.Stop();
  for (std::thread& thread : threads) thread.join();
  return all;
}

}  // namespace faultline::cramfs
