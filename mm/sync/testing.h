// SPDX-License-Identifier: GPL-2.0-only
//
// A small native runtime and tasks on real threads, for the tests of the
// primitives.  Host code, but compiled with a kernel build's defines and
// linked with the native objects of mm/sync.
//
// A Worker is a task with a thread that runs what it is told, step by step, so
// that a test can say who waits for what.  AwaitAsleep() returns when its
// worker is parked with no wake-up on the way; SetFrozen() keeps a parked
// worker parked even when it is woken, which stretches the instant between a
// wake-up and what the woken task does next.

#ifndef FAULTLINE_MM_SYNC_TESTING_H_
#define FAULTLINE_MM_SYNC_TESTING_H_

#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

// <signal.h> may have come in by way of gtest.
#undef SEGV_MAPERR
#undef SEGV_ACCERR
#undef BUS_ADRERR

#include "mm/sync/atomic.h"
#include "mm/sync/bug.h"
#include "mm/sync/lock.h"
#include "mm/sync/machine.h"
#include "mm/sync/page.h"
#include "mm/sync/sched.h"
#include "mm/sync/slab.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifndef ASAN
#define ASAN 0
#endif

namespace faultline {

#ifdef CONFIG_ARM
inline constexpr bool kArm = true;
inline constexpr int64_t kWaitingBias = -0x10000;
#else
inline constexpr bool kArm = false;
inline constexpr int64_t kWaitingBias = -0x100000000;
#endif
inline constexpr int64_t kWriteBias = kWaitingBias + 1;

// ---- the native runtime of these tests ----

struct HostTask {
  std::mutex mu;
  std::condition_variable changed;
  bool token = false;
  bool frozen = false;
  bool parked = false;
  int unparks = 0;
};

struct Event {
  uint32_t kind, arg;
  const void* obj;
  uint64_t size;
  std::string name;
};

// What the runtime has seen and what it shall answer.  Only tests that run
// one task at a time record events.
struct Recorder {
  std::mutex mu;
  std::vector<Event> events;
  std::vector<std::string> reports;
  std::vector<std::string> lines;
  std::atomic<uint32_t> fail_allocations = 0;
};
inline Recorder* recorder = nullptr;

inline void Park(void* host, const void*, const char*) {
  auto* task = static_cast<HostTask*>(host);
  std::unique_lock<std::mutex> lock(task->mu);
  task->parked = true;
  task->changed.notify_all();
  task->changed.wait(lock, [&] { return task->token && !task->frozen; });
  task->token = false;
  task->parked = false;
  task->changed.notify_all();
}

inline void Unpark(void* host) {
  if (host == nullptr) return;  // an init_task
  auto* task = static_cast<HostTask*>(host);
  std::lock_guard<std::mutex> lock(task->mu);
  task->token = true;
  task->unparks++;
  task->changed.notify_all();
}

inline uint32_t Choose(uint32_t, uint32_t why) {
  return why == FL_CHOOSE_ALLOC_FAIL ? recorder->fail_allocations.load() : 0;
}

inline void Relax(void*, const void*) { sched_yield(); }

inline void RecordEvent(const fl_event* event) {
  std::lock_guard<std::mutex> lock(recorder->mu);
  recorder->events.push_back({event->kind, event->arg, event->obj, event->size,
                              event->name != nullptr ? event->name : ""});
}

inline void Report(uint32_t kind, const char*, int, const char* function,
                   const char* text, const void*) {
  if (kind == FL_REPORT_BUG) fprintf(stderr, "BUG: %s: %s\n", function, text);
  std::lock_guard<std::mutex> lock(recorder->mu);
  recorder->reports.push_back(text);
}

inline void Print(int level, const char* text) {
  std::lock_guard<std::mutex> lock(recorder->mu);
  recorder->lines.push_back(std::to_string(level) + text);
}

inline uint64_t Now() { return 0; }

inline void Attach(bool events) {
  struct fl_runtime table = {};
  table.struct_bytes = sizeof(table);
  table.park = Park;
  table.unpark = Unpark;
  table.choose = Choose;
  table.relax = Relax;
  table.event = events ? RecordEvent : nullptr;
  table.report = Report;
  table.print = Print;
  table.now = Now;
  fl_attach_runtime(&table);
}

class Worker {
 public:
  explicit Worker(machine* machine) {
    task_.machine = machine;
    task_.host = &host_;
    thread_ = std::thread([this] { Run(); });
  }
  ~Worker() {
    Do(nullptr);
    thread_.join();
  }

  task_struct* task() { return &task_; }

  // Starts a step; the one before must have finished.
  void Do(std::function<void()> step) {
    Wait();
    std::lock_guard<std::mutex> lock(mu_);
    step_ = std::move(step);
    busy_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [&] { return !busy_; });
  }
  void Call(std::function<void()> step) {
    Do(std::move(step));
    Wait();
  }
  bool busy() {
    std::lock_guard<std::mutex> lock(mu_);
    return busy_;
  }

  void AwaitAsleep() {
    std::unique_lock<std::mutex> lock(host_.mu);
    host_.changed.wait(lock, [&] { return host_.parked && !host_.token; });
  }
  bool asleep() {
    std::lock_guard<std::mutex> lock(host_.mu);
    return host_.parked && !host_.token;
  }
  void SetFrozen(bool frozen) {
    std::lock_guard<std::mutex> lock(host_.mu);
    host_.frozen = frozen;
    host_.changed.notify_all();
  }
  int unparks() {
    std::lock_guard<std::mutex> lock(host_.mu);
    return host_.unparks;
  }

 private:
  void Run() {
    fl_current = &task_;
    std::unique_lock<std::mutex> lock(mu_);
    for (;;) {
      changed_.wait(lock, [&] { return busy_; });
      if (!step_) break;
      lock.unlock();
      step_();
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
    busy_ = false;
    changed_.notify_all();
  }

  HostTask host_;
  task_struct task_ = {};
  std::mutex mu_;
  std::condition_variable changed_;
  std::function<void()> step_;
  bool busy_ = false;
  std::thread thread_;
};

inline fl_machine_config SmallConfig() {
  fl_machine_config config = {};
  config.struct_bytes = sizeof(config);
  config.cpus = 2;
  config.ram_pages = 32;
  config.slab_bytes = 256 * 1024;
  config.rom_bytes = 3 * 4096;
  config.rom_phys = 0x8000000;
  return config;
}

class SyncTest : public testing::Test {
 protected:
  SyncTest() {
    recorder = &recorder_;
    Attach(false);
  }
  ~SyncTest() override {
    workers_.clear();
    fl_current = nullptr;
    Unmap();
    recorder = nullptr;
  }

  machine* Boot(const fl_machine_config& config) {
    workers_.clear();
    Unmap();
    bytes_ = machine_layout_bytes(&config);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (kArm ? MAP_32BIT : 0);
    arena_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (arena_ == MAP_FAILED) abort();
    const char* error = nullptr;
    machine_ = machine_init(arena_, bytes_, &config, &error);
    error_ = error != nullptr ? error : "";
    host_task_.machine = machine_;
    host_task_.host = &host_;
    fl_current = machine_ != nullptr ? &host_task_ : nullptr;
    return machine_;
  }
  machine* Boot() { return Boot(SmallConfig()); }

  Worker* NewWorker() {
    workers_.push_back(std::make_unique<Worker>(machine_));
    return workers_.back().get();
  }

  std::vector<Event> TakeEvents() {
    std::lock_guard<std::mutex> lock(recorder_.mu);
    return std::move(recorder_.events);
  }

  Recorder recorder_;
  machine* machine_ = nullptr;
  std::string error_;
  HostTask host_;
  task_struct host_task_ = {};

 private:
  void Unmap() {
    if (arena_ != nullptr) munmap(arena_, bytes_);
    arena_ = nullptr;
  }

  void* arena_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace faultline

#endif  // FAULTLINE_MM_SYNC_TESTING_H_
