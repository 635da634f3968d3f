// SPDX-License-Identifier: GPL-2.0-only
//
// rw_semaphore, mutex, spinlock and bit lock: rule by rule, then hammered.

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mm/sync/testing.h"

namespace faultline {
namespace {

class RwsemTest : public SyncTest {
 protected:
  RwsemTest() {
    Boot();
    init_rwsem(&sem_);
    a_ = NewWorker();
    b_ = NewWorker();
    c_ = NewWorker();
    d_ = NewWorker();
  }

  int64_t count() { return atomic_long_read(&sem_.count); }
  void Read(Worker* w) {
    w->Do([this] { down_read(&sem_); });
  }
  void Write(Worker* w) {
    w->Do([this] { down_write(&sem_); });
  }
  void WriteKillable(Worker* w, int* result) {
    w->Do([this, result] { *result = down_write_killable(&sem_); });
  }
  void UpRead(Worker* w) {
    w->Call([this] { up_read(&sem_); });
  }
  void UpWrite(Worker* w) {
    w->Call([this] { up_write(&sem_); });
  }
  void Kill(Worker* w) { send_sig(SIGKILL, w->task()); }

  rw_semaphore sem_;
  Worker *a_, *b_, *c_, *d_;
};

TEST_F(RwsemTest, CountHasTheKernelsBiases) {
  EXPECT_EQ(count(), 0);
  EXPECT_FALSE(rwsem_is_locked(&sem_));
  down_write(&sem_);
  EXPECT_EQ(count(), kWriteBias);
  EXPECT_TRUE(rwsem_is_locked(&sem_));
  downgrade_write(&sem_);
  EXPECT_EQ(count(), 1);
  down_read(&sem_);
  EXPECT_EQ(count(), 2);
  Write(a_);
  a_->AwaitAsleep();
  EXPECT_EQ(count(), 2 + kWaitingBias);
  up_read(&sem_);
  up_read(&sem_);
  a_->Wait();
  EXPECT_EQ(count(), kWriteBias);
  Write(b_);
  b_->AwaitAsleep();
  EXPECT_EQ(count(), kWriteBias + kWaitingBias);
  UpWrite(a_);
  b_->Wait();
  UpWrite(b_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, QueuedWriterBlocksNewReaders) {
  down_read(&sem_);
  EXPECT_TRUE(down_read_trylock(&sem_));
  up_read(&sem_);
  Write(a_);
  a_->AwaitAsleep();
  EXPECT_FALSE(down_read_trylock(&sem_));
  Read(b_);
  b_->AwaitAsleep();
  up_read(&sem_);
  a_->Wait();
  EXPECT_TRUE(b_->asleep());
  UpWrite(a_);
  b_->Wait();
  UpRead(b_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, FrontReadersAreGrantedTogetherAndInOrder) {
  down_write(&sem_);
  Read(a_);
  a_->AwaitAsleep();
  Read(b_);
  b_->AwaitAsleep();
  Write(c_);
  c_->AwaitAsleep();
  Read(d_);
  d_->AwaitAsleep();
  up_write(&sem_);
  a_->Wait();
  b_->Wait();
  EXPECT_TRUE(c_->asleep());
  EXPECT_TRUE(d_->asleep());
  EXPECT_EQ(count(), 2 + kWaitingBias);
  UpRead(b_);
  UpRead(a_);
  c_->Wait();
  EXPECT_TRUE(d_->asleep());
  UpWrite(c_);
  d_->Wait();
  UpRead(d_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, WritersAreServedFirstInFirstOut) {
  down_write(&sem_);
  Worker* const order[] = {a_, b_, c_, d_};
  for (Worker* w : order) {
    Write(w);
    w->AwaitAsleep();
  }
  up_write(&sem_);
  for (int i = 0; i < 4; i++) {
    order[i]->Wait();
    for (int j = i + 1; j < 4; j++) EXPECT_TRUE(order[j]->asleep());
    UpWrite(order[i]);
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, UpReadWakesOnlyWhenNobodyIsActive) {
  down_read(&sem_);
  down_read(&sem_);
  Write(a_);
  a_->AwaitAsleep();
  const int before = a_->unparks();
  up_read(&sem_);
  EXPECT_EQ(a_->unparks(), before);
  EXPECT_TRUE(a_->asleep());
  up_read(&sem_);
  a_->Wait();
  EXPECT_EQ(a_->unparks(), before + 1);
  UpWrite(a_);
}

TEST_F(RwsemTest, DowngradeGrantsFrontReadersButNotPastAWriter) {
  down_write(&sem_);
  Read(a_);
  a_->AwaitAsleep();
  Write(b_);
  b_->AwaitAsleep();
  Read(c_);
  c_->AwaitAsleep();
  downgrade_write(&sem_);
  a_->Wait();
  EXPECT_TRUE(b_->asleep());
  EXPECT_TRUE(c_->asleep());
  EXPECT_EQ(count(), 2 + kWaitingBias);
  UpRead(a_);
  EXPECT_TRUE(b_->asleep());
  up_read(&sem_);
  b_->Wait();
  UpWrite(b_);
  c_->Wait();
  UpRead(c_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, DowngradeLeavesAFrontWriterAsleep) {
  down_write(&sem_);
  Write(a_);
  a_->AwaitAsleep();
  const int before = a_->unparks();
  Read(b_);
  b_->AwaitAsleep();
  downgrade_write(&sem_);
  EXPECT_EQ(a_->unparks(), before);
  EXPECT_TRUE(b_->asleep());
  EXPECT_FALSE(down_read_trylock(&sem_));
  up_read(&sem_);
  a_->Wait();
  UpWrite(a_);
  b_->Wait();
  UpRead(b_);
}

TEST_F(RwsemTest, WriteTrylockNeedsTheWholeCountOnArmOnly) {
  down_write(&sem_);
  EXPECT_FALSE(down_write_trylock(&sem_));
  EXPECT_FALSE(down_read_trylock(&sem_));
  Write(a_);
  a_->AwaitAsleep();
  // Woken but not running yet: a queue, and nobody active.
  a_->SetFrozen(true);
  up_write(&sem_);
  EXPECT_EQ(count(), kWaitingBias);
  EXPECT_FALSE(down_read_trylock(&sem_));
  EXPECT_EQ(down_write_trylock(&sem_), !kArm);
  if (!kArm) {
    EXPECT_EQ(count(), kWriteBias + kWaitingBias);
    up_write(&sem_);
  }
  a_->SetFrozen(false);
  a_->Wait();
  UpWrite(a_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, WriterStealsFromAWokenWaiter) {
  down_write(&sem_);
  Write(a_);
  a_->AwaitAsleep();
  a_->SetFrozen(true);
  up_write(&sem_);
  Write(b_);
  b_->Wait();
  a_->SetFrozen(false);
  a_->AwaitAsleep();  // lost, and sleeps again
  UpWrite(b_);
  a_->Wait();
  UpWrite(a_);
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, PendingKillDoesNotPreventAFreeLock) {
  int result = 1;
  Kill(a_);
  WriteKillable(a_, &result);
  a_->Wait();
  EXPECT_EQ(result, 0);
  UpWrite(a_);
}

TEST_F(RwsemTest, PendingKillPreventsSleep) {
  down_read(&sem_);
  int result = 1;
  Kill(a_);
  WriteKillable(a_, &result);
  a_->Wait();
  EXPECT_EQ(result, -EINTR);
  EXPECT_EQ(count(), 1);
  EXPECT_TRUE(down_read_trylock(&sem_));
  up_read(&sem_);
  up_read(&sem_);
}

TEST_F(RwsemTest, KilledWaiterLetsReadersBehindItIn) {
  down_read(&sem_);
  int result = 1;
  WriteKillable(a_, &result);
  a_->AwaitAsleep();
  Read(b_);
  b_->AwaitAsleep();
  Kill(a_);
  a_->Wait();
  b_->Wait();
  EXPECT_EQ(result, -EINTR);
  EXPECT_EQ(count(), 2);
  UpRead(b_);
  up_read(&sem_);
}

TEST_F(RwsemTest, OtherSignalsAndUninterruptibleWaitersSleepOn) {
  down_read(&sem_);
  int result = 1;
  WriteKillable(a_, &result);
  a_->AwaitAsleep();
  Write(b_);
  b_->AwaitAsleep();
  const int before_a = a_->unparks(), before_b = b_->unparks();
  send_sig(SIGSEGV, a_->task());
  Kill(b_);
  EXPECT_EQ(a_->unparks(), before_a);
  EXPECT_EQ(b_->unparks(), before_b);
  EXPECT_TRUE(signal_pending(a_->task()));
  EXPECT_FALSE(fatal_signal_pending(a_->task()));
  EXPECT_TRUE(fatal_signal_pending(b_->task()));
  up_read(&sem_);
  a_->Wait();
  EXPECT_EQ(result, 0);
  UpWrite(a_);
  b_->Wait();
  UpWrite(b_);
}

// ---- many threads ----

constexpr int kThreads = 4;
constexpr int kStressRounds = SANITIZED ? 10000 : 50000;

// Threads that start one after the other would be done before they meet.
class StartLine {
 public:
  void Arrive() {
    for (arrived_++; arrived_ < kThreads;) sched_yield();
  }

 private:
  std::atomic<int> arrived_ = 0;
};

int TotalUnparks(const std::vector<Worker*>& workers) {
  int total = 0;
  for (Worker* w : workers) total += w->unparks();
  return total;
}

// Plain variables on purpose: a hole in a lock is also a data race.
struct Guarded {
  int64_t value = 0, copy = 0;
};

TEST_F(SyncTest, RwsemExcludesUnderContention) {
  Boot();
  rw_semaphore sem;
  init_rwsem(&sem);
  Guarded guarded;
  std::atomic<int64_t> writes = 0, readers = 0, torn = 0;
  const auto write_once = [&] {
    if (readers != 0) torn++;
    guarded.value++;
    // Or the sections are too short for anybody to wait.
    if (guarded.value % 64 == 0) sched_yield();
    guarded.copy++;
    writes++;
  };
  StartLine start;
  std::vector<Worker*> workers;
  for (int t = 0; t < kThreads; t++) {
    workers.push_back(NewWorker());
    workers.back()->Do([&, t] {
      std::minstd_rand random(t + 1);
      start.Arrive();
      for (int i = 0; i < kStressRounds; i++) {
        switch (random() % 6) {
          case 0:
            down_write(&sem);
            write_once();
            up_write(&sem);
            break;
          case 1:
            if (down_write_killable(&sem) != 0) break;
            write_once();
            downgrade_write(&sem);
            readers++;
            if (guarded.value != guarded.copy) torn++;
            readers--;
            up_read(&sem);
            break;
          case 2:
            if (!down_write_trylock(&sem)) break;
            write_once();
            up_write(&sem);
            break;
          case 3:
            if (!down_read_trylock(&sem)) break;
            readers++;
            if (guarded.value != guarded.copy) torn++;
            readers--;
            up_read(&sem);
            break;
          default:
            down_read(&sem);
            readers++;
            if (guarded.value != guarded.copy) torn++;
            readers--;
            up_read(&sem);
        }
      }
    });
  }
  for (Worker* w : workers) w->Wait();
  EXPECT_EQ(guarded.value, writes);
  EXPECT_EQ(torn, 0);
  EXPECT_GT(TotalUnparks(workers), 0);
  EXPECT_EQ(atomic_long_read(&sem.count), 0);
}

// One lock and one unlock function, whatever kind they are of.
void Hammer(const std::vector<Worker*>& workers,
            const std::function<void()>& lock,
            const std::function<void()>& unlock) {
  Guarded guarded;
  StartLine start;
  for (Worker* w : workers) {
    w->Do([&] {
      start.Arrive();
      for (int i = 0; i < kStressRounds; i++) {
        lock();
        guarded.value++;
        // Or the sections are too short for anybody to wait.
        if (i % 64 == 0) sched_yield();
        unlock();
      }
    });
  }
  for (Worker* w : workers) w->Wait();
  EXPECT_EQ(guarded.value, int64_t{kStressRounds} * kThreads);
}

TEST_F(SyncTest, MutexSpinlockAndBitLockExcludeUnderContention) {
  Boot();
  std::vector<Worker*> workers;
  for (int t = 0; t < kThreads; t++) workers.push_back(NewWorker());
  struct mutex mutex;
  mutex_init(&mutex);
  Hammer(
      workers, [&] { mutex_lock(&mutex); }, [&] { mutex_unlock(&mutex); });
  EXPECT_EQ(mutex.owner, nullptr);
  const int unparks = TotalUnparks(workers);
  EXPECT_GT(unparks, 0);
  spinlock_t spinlock;
  spin_lock_init(&spinlock);
  Hammer(
      workers, [&] { spin_lock(&spinlock); }, [&] { spin_unlock(&spinlock); });
  EXPECT_FALSE(spin_is_locked(&spinlock));
  kulong word = 0x30;
  Hammer(
      workers, [&] { bit_lock(3, &word, "bit"); },
      [&] { bit_unlock(3, &word, "bit"); });
  EXPECT_EQ(word, 0x30u);
  EXPECT_GT(TotalUnparks(workers), unparks);
}

// Rounds in which a kill and a release meet a killable waiter, mostly one that
// sleeps already, with a second waiter behind or before it.  A lost wake-up
// leaves a round that never ends.
void KillRaces(Worker* holder, Worker* waiter, Worker* other, int rounds,
               const std::function<void()>& lock,
               const std::function<int()>& lock_killable,
               const std::function<void()>& unlock) {
  int killed = 0, taken = 0;
  std::minstd_rand random(7);
  for (int i = 0; i < rounds; i++) {
    __atomic_store_n(&waiter->task()->pending, 0, __ATOMIC_SEQ_CST);
    std::atomic<bool> held = false, release = false;
    int result = 1;
    const int hold = random() % 2000, delay = random() % 2000;
    holder->Do([&] {
      lock();
      held = true;
      while (!release) sched_yield();
      for (int n = 0; n < hold; n++) barrier();
      unlock();
    });
    while (!held) sched_yield();
    waiter->Do([&] {
      result = lock_killable();
      if (result == 0) unlock();
    });
    other->Do([&] {
      lock();
      unlock();
    });
    if (i % 4 != 0) waiter->AwaitAsleep();
    release = true;
    for (int n = 0; n < delay; n++) barrier();
    send_sig(SIGKILL, waiter->task());
    holder->Wait();
    waiter->Wait();
    other->Wait();
    ASSERT_TRUE(result == 0 || result == -EINTR) << result;
    (result == 0 ? taken : killed)++;
  }
  // Both ways out were met, or nothing was tested.
  EXPECT_GT(killed, 0);
  EXPECT_GT(taken, 0);
}

constexpr int kKillRounds = SANITIZED ? 3000 : 100000;

TEST_F(RwsemTest, KillAndReleaseLoseNoWakeup) {
  KillRaces(
      a_, b_, c_, kKillRounds, [&] { down_write(&sem_); },
      [&] { return down_write_killable(&sem_); }, [&] { up_write(&sem_); });
  EXPECT_EQ(count(), 0);
}

TEST_F(RwsemTest, KillAndReleaseLoseNoWakeupOfABitLock) {
  kulong word = 0;
  KillRaces(
      a_, b_, c_, kKillRounds / 4, [&] { bit_lock(0, &word, "bit"); },
      [&] { return bit_lock_killable(0, &word, "bit"); },
      [&] { bit_unlock(0, &word, "bit"); });
  EXPECT_EQ(word, 0u);
}

// ---- mutex and bit lock, step by step ----

TEST_F(RwsemTest, MutexHandsOffToAWaiterThatLostOnce) {
  struct mutex mutex;
  mutex_init(&mutex);
  mutex_lock(&mutex);
  EXPECT_FALSE(mutex_trylock(&mutex));
  a_->Do([&] { mutex_lock(&mutex); });
  a_->AwaitAsleep();
  a_->SetFrozen(true);
  mutex_unlock(&mutex);
  EXPECT_TRUE(mutex_trylock(&mutex));  // a was woken, but is late
  a_->SetFrozen(false);
  a_->AwaitAsleep();
  a_->SetFrozen(true);
  mutex_unlock(&mutex);
  EXPECT_FALSE(mutex_trylock(&mutex));  // it is a's now
  a_->SetFrozen(false);
  a_->Wait();
  a_->Call([&] { mutex_unlock(&mutex); });
  EXPECT_TRUE(mutex_trylock(&mutex));
  mutex_unlock(&mutex);
}

TEST_F(RwsemTest, BitUnlockWakesAllThatWaitAndOneThatLocks) {
  kulong word = 0;
  bit_lock(5, &word, "bit");
  EXPECT_FALSE(bit_trylock(5, &word, "bit"));
  EXPECT_TRUE(bit_trylock(6, &word, "bit"));
  a_->Do([&] { EXPECT_EQ(wait_on_bit(5, &word, "bit", false), 0); });
  a_->AwaitAsleep();
  b_->Do([&] { bit_lock(5, &word, "bit"); });
  b_->AwaitAsleep();
  c_->Do([&] { bit_lock(5, &word, "bit"); });
  c_->AwaitAsleep();
  bit_unlock(6, &word, "bit");
  EXPECT_TRUE(a_->asleep());
  const int before = c_->unparks();
  // A wait that sees the bit set again would go on sleeping: hold b back.
  b_->SetFrozen(true);
  bit_unlock(5, &word, "bit");
  a_->Wait();
  b_->SetFrozen(false);
  b_->Wait();
  EXPECT_EQ(c_->unparks(), before);
  EXPECT_TRUE(c_->asleep());
  b_->Call([&] { bit_unlock(5, &word, "bit"); });
  c_->Wait();
  c_->Call([&] { bit_unlock(5, &word, "bit"); });
  EXPECT_EQ(word, 0u);
}

TEST_F(RwsemTest, KillableBitWaitsEndOnAKillOnlyWhenTheyWouldSleep) {
  kulong word = 0;
  int locked = 1, waited = 1;
  Kill(a_);
  a_->Call([&] { locked = bit_lock_killable(0, &word, "bit"); });
  EXPECT_EQ(locked, 0);
  b_->Do([&] { waited = wait_on_bit(0, &word, "bit", true); });
  b_->AwaitAsleep();
  Kill(b_);
  b_->Wait();
  EXPECT_EQ(waited, -EINTR);
  Kill(c_);
  c_->Call([&] { locked = bit_lock_killable(0, &word, "bit"); });
  EXPECT_EQ(locked, -EINTR);
  a_->Call([&] { bit_unlock(0, &word, "bit"); });
}

TEST_F(RwsemTest, StaleTokenDoesNotEndASleep) {
  std::atomic<bool> done = false;
  a_->Do([&] {
    set_current_state(TASK_UNINTERRUPTIBLE);
    schedule_on(&done, "test");
    done = true;
  });
  a_->AwaitAsleep();
  Unpark(a_->task()->host);
  a_->AwaitAsleep();
  EXPECT_FALSE(done);
  EXPECT_TRUE(wake_up_process(a_->task()));
  a_->Wait();
  EXPECT_TRUE(done);
  EXPECT_FALSE(wake_up_process(a_->task()));
}

// ---- events ----

TEST_F(SyncTest, LockEventsComeInTheOrderOfTheContract) {
  Boot();
  rw_semaphore sem;
  Attach(true);
  init_rwsem_named(&sem, "sem");
  down_read(&sem);
  EXPECT_FALSE(down_write_trylock(&sem));
  up_read(&sem);
  ASSERT_EQ(down_write_killable(&sem), 0);
  downgrade_write(&sem);
  up_read(&sem);
  Attach(false);
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  for (const Event& event : TakeEvents()) {
    if (event.kind == FL_EV_DIRTY) continue;
    EXPECT_EQ(event.obj, &sem);
    EXPECT_EQ(event.size, sizeof(sem));
    EXPECT_EQ(event.name, "sem");
    seen.push_back({event.kind, event.arg});
  }
  const uint32_t tried = FL_LOCK_WRITE | FL_LOCK_TRY;
  const uint32_t killable = FL_LOCK_WRITE | FL_LOCK_KILLABLE;
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {
      {FL_EV_LOCK_INIT, 0},           {FL_EV_LOCK, FL_LOCK_READ},
      {FL_EV_LOCKED, FL_LOCK_READ},   {FL_EV_LOCK, tried},
      {FL_EV_LOCK_FAILED, tried},     {FL_EV_UNLOCK, FL_LOCK_READ},
      {FL_EV_UNLOCKED, FL_LOCK_READ}, {FL_EV_LOCK, killable},
      {FL_EV_LOCKED, killable},       {FL_EV_DOWNGRADED, FL_LOCK_READ},
      {FL_EV_UNLOCK, FL_LOCK_READ},   {FL_EV_UNLOCKED, FL_LOCK_READ}};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace faultline
