// SPDX-License-Identifier: GPL-2.0-only

#include "sim/fiber.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace faultline {
namespace {

struct Two {
  Fiber a, b;
  FiberContext host;
  std::string log;
};

TEST(Fiber, SwitchesBackAndForthAndKeepsLocals) {
  Two two;
  two.a = *Fiber::Create(64 * 1024);
  two.b = *Fiber::Create(64 * 1024);
  two.a.Reset(
      [](void* argument) {
        Two* two = static_cast<Two*>(argument);
        double x = 1.5;
        for (int i = 0; i < 3; ++i) {
          two->log += std::to_string(static_cast<int>(x * 2));
          x += 0.5;
          SwitchFiber(two->a.context(), two->b.context());
        }
        two->log += "|";
        SwitchFiber(two->a.context(), &two->host);
      },
      &two);
  two.b.Reset(
      [](void* argument) {
        Two* two = static_cast<Two*>(argument);
        for (char c = 'a';; ++c) {
          two->log += c;
          SwitchFiber(two->b.context(), two->a.context());
        }
      },
      &two);
  SwitchFiber(&two.host, two.a.context());
  EXPECT_EQ(two.log, "3a4b5c|");
}

TEST(Fiber, StartsAgainFromTheTopAfterItWasAbandoned) {
  Two two;
  two.a = *Fiber::Create(64 * 1024);
  const auto entry = [](void* argument) {
    Two* two = static_cast<Two*>(argument);
    two->log += "x";
    SwitchFiber(two->a.context(), &two->host);
    two->log += "never";
  };
  for (int i = 0; i < 100000; ++i) {
    two.a.Reset(entry, &two);
    SwitchFiber(&two.host, two.a.context());
  }
  EXPECT_EQ(two.log, std::string(100000, 'x'));
}

TEST(Fiber, StackIsAlignedForTheAbi) {
  Two two;
  two.a = *Fiber::Create(64 * 1024);
  two.a.Reset(
      [](void* argument) {
        Two* two = static_cast<Two*>(argument);
        alignas(16) volatile char aligned[16] = {};
        if (reinterpret_cast<uintptr_t>(&aligned) % 16 == 0) two->log = "ok";
        // Formats through SSE code that faults on a crooked stack.
        two->log += std::to_string(3.25L);
        SwitchFiber(two->a.context(), &two->host);
      },
      &two);
  SwitchFiber(&two.host, two.a.context());
  EXPECT_EQ(two.log, "ok3.250000");
}

TEST(Fiber, KnowsItsStackAndItsGuardPage) {
  Fiber fiber = *Fiber::Create(10000);
  EXPECT_EQ(fiber.stack_top() - fiber.stack_low(), 12288);
  EXPECT_TRUE(fiber.OnStack(fiber.stack_low()));
  EXPECT_FALSE(fiber.OnStack(fiber.stack_top()));
  EXPECT_TRUE(fiber.InGuard(fiber.stack_low() - 1));
  EXPECT_FALSE(fiber.InGuard(fiber.stack_low()));
  EXPECT_DEATH(*(volatile char*)(fiber.stack_low() - 1) = 1, "");
}

}  // namespace
}  // namespace faultline
