// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace faultline::cramfs {
namespace {

constexpr int kMostThreads = 256;

class Line {
 public:
  Line(size_t count, size_t window)
      : count_(count), window_(window), finished_(window) {}

  // The next item to work on; false when there is no more.
  bool Take(size_t* i) {
    absl::MutexLock lock(&mutex_);
    while (!stopped_ && next_ < count_ && next_ >= consumed_ + window_) {
      room_.Wait(&mutex_);
    }
    if (stopped_ || next_ == count_) return false;
    *i = next_++;
    return true;
  }

  void Finish(size_t i) {
    absl::MutexLock lock(&mutex_);
    finished_[i % window_] = true;
    if (i == consumed_) done_.Signal();
  }

  void AwaitFinished(size_t i) {
    absl::MutexLock lock(&mutex_);
    while (!finished_[i % window_]) done_.Wait(&mutex_);
  }

  void Consumed(size_t i) {
    absl::MutexLock lock(&mutex_);
    finished_[i % window_] = false;
    consumed_ = i + 1;
    room_.Signal();
  }

  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    room_.SignalAll();
  }

 private:
  const size_t count_, window_;
  absl::Mutex mutex_;
  absl::CondVar room_;  // an item may be taken that could not before
  absl::CondVar done_;  // the item to be consumed next is finished
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t consumed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the items [consumed_, consumed_ + window_), each at its number modulo
  // window_.
  std::vector<bool> finished_ ABSL_GUARDED_BY(mutex_);
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
