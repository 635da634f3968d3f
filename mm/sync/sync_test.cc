// SPDX-License-Identifier: GPL-2.0-only
//
// Slab, pages, machine layout, printk, and the announcements of all of them.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mm/sync/testing.h"

namespace faultline {
namespace {

// Bytes of the arena that differ between two moments must lie in ranges that
// an event named.
TEST_F(SyncTest, EveryByteWrittenWasMarkedDirty) {
  Boot();
  kmem_cache* cache = kmem_cache_create(machine_, "thing", 200);
  struct mutex* mutex = &machine_->cramfs_read_mutex;
  const auto* base = reinterpret_cast<const unsigned char*>(machine_->arena);
  const size_t bytes = machine_->ram - machine_->arena;  // without frames
  // Poisoned memory is compared too, but not by an intercepted function.
  const auto copy = [&] {
    std::vector<unsigned char> out(bytes);
    asm volatile("" ::: "memory");
    unsigned char* to = out.data();
    const unsigned char* from = base;
    size_t left = bytes;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(left)::"memory");
    return out;
  };
  const std::vector<unsigned char> before = copy();
  Attach(true);
  void* thing = kmem_cache_zalloc(cache, GFP_KERNEL);
  void* other = kmem_cache_alloc(cache, GFP_KERNEL);
  kmem_cache_free(cache, other);
  kfree(kmalloc(100, GFP_KERNEL));
  mutex_lock(mutex);
  mutex_unlock(mutex);
  struct page* page = alloc_page(GFP_KERNEL | __GFP_ZERO);
  get_page(page);
  put_page(page);
  spin_lock_init(&page->ptl);
  spin_lock(&page->ptl);
  spin_unlock(&page->ptl);
  put_page(page);
  struct page* kept = alloc_page(GFP_KERNEL);
  task_struct* before_task = machine_enter(machine_);
  set_current_state(TASK_KILLABLE);
  send_sig(SIGKILL, current);
  set_current_state(TASK_INTERRUPTIBLE);
  force_sig_fault(SIGBUS, BUS_ADRERR, 0x1000);
  rcu_read_lock();
  machine_leave(before_task);
  Attach(false);
  const std::vector<unsigned char> after = copy();
  std::vector<bool> marked(bytes);
  for (const Event& event : TakeEvents()) {
    const uint64_t at = static_cast<const unsigned char*>(event.obj) - base;
    for (uint64_t i = at; i < bytes && i < at + event.size; i++)
      marked[i] = true;
  }
  int changed = 0;
  for (size_t i = 0; i < bytes; i++) {
    if (before[i] == after[i]) continue;
    changed++;
    ASSERT_TRUE(marked[i]) << "offset " << i;
  }
  EXPECT_GT(changed, 0);
  put_page(kept);
  kmem_cache_free(cache, thing);
}

// ---- slab ----

TEST_F(SyncTest, SlabHandsOutDistinctZeroedObjectsAndCountsThem) {
  Boot();
  kmem_cache* cache = kmem_cache_create(machine_, "thing", 40);
  EXPECT_STREQ(kmem_cache_name(cache), "thing");
  std::vector<char*> objects;
  for (int i = 0; i < 100; i++) {
    auto* object = static_cast<char*>(kmem_cache_zalloc(cache, GFP_KERNEL));
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % 16, 0u);
    for (int j = 0; j < 40; j++) ASSERT_EQ(object[j], 0);
    memset(object, i + 1, 40);
    objects.push_back(object);
  }
  EXPECT_EQ(kmem_cache_objects(cache), 100u);
  for (int i = 0; i < 100; i++) {
    for (int j = 0; j < 40; j++) ASSERT_EQ(objects[i][j], i + 1);
    kmem_cache_free(cache, objects[i]);
  }
  EXPECT_EQ(kmem_cache_objects(cache), 0u);
  if (!ASAN) {
    EXPECT_EQ(kmem_cache_alloc(cache, GFP_KERNEL), objects[99]);
    EXPECT_EQ(kmem_cache_alloc(cache, GFP_KERNEL), objects[98]);
  }
}

TEST_F(SyncTest, SlabServesFreedObjectsWhenTheRegionIsUsedUp) {
  Boot();
  kmem_cache* cache = kmem_cache_create(machine_, "thing", 4096);
  std::vector<void*> objects;
  while (void* object = kmem_cache_alloc(cache, GFP_KERNEL))
    objects.push_back(object);
  EXPECT_GE(objects.size(), 60u);
  EXPECT_LE(objects.size(), 64u);
  kmem_cache_free(cache, objects[7]);
  EXPECT_EQ(kmem_cache_alloc(cache, GFP_KERNEL), objects[7]);
  EXPECT_EQ(kmem_cache_alloc(cache, GFP_KERNEL), nullptr);
}

TEST_F(SyncTest, KmallocPicksTheSmallestClass) {
  Boot();
  void* small = kmalloc(33, GFP_KERNEL);
  void* large = kmalloc(4096, GFP_KERNEL);
  EXPECT_EQ(kmem_cache_objects(machine_->kmalloc_caches[1]), 1u);
  EXPECT_EQ(kmem_cache_objects(machine_->kmalloc_caches[7]), 1u);
  EXPECT_EQ(kmalloc(4097, GFP_KERNEL), nullptr);
  kfree(small);
  kfree(large);
  kfree(nullptr);
  EXPECT_EQ(kmem_cache_objects(machine_->kmalloc_caches[1]), 0u);
  EXPECT_EQ(kmem_cache_objects(machine_->kmalloc_caches[7]), 0u);
}

TEST_F(SyncTest, AllocationsFailWhenChosenUnlessNofail) {
  fl_machine_config config = SmallConfig();
  config.alloc_may_fail = 1;
  Boot(config);
  recorder_.fail_allocations = 1;
  EXPECT_EQ(kmalloc(8, GFP_KERNEL), nullptr);
  EXPECT_EQ(alloc_page(GFP_KERNEL), nullptr);
  EXPECT_NE(kmalloc(8, GFP_KERNEL | __GFP_NOFAIL), nullptr);
  EXPECT_NE(alloc_page(GFP_KERNEL | __GFP_NOFAIL), nullptr);
  recorder_.fail_allocations = 0;
  EXPECT_NE(kmalloc(8, GFP_KERNEL), nullptr);
}

using SyncDeathTest = SyncTest;

TEST_F(SyncDeathTest, SlabCatchesDoubleFreeAndForeignObjects) {
  Boot();
  kmem_cache* one = kmem_cache_create(machine_, "one", 64);
  kmem_cache* two = kmem_cache_create(machine_, "two", 64);
  void* object = kmem_cache_alloc(one, GFP_KERNEL);
  int local = 0;
  EXPECT_DEATH(kmem_cache_free(two, object), "BUG: kmem_cache_free");
  EXPECT_DEATH(kfree(object), "BUG: kfree");
  EXPECT_DEATH(kfree(&local), "BUG: kfree");
  kmem_cache_free(one, object);
  EXPECT_DEATH(kmem_cache_free(one, object), "BUG: one: double free");
}

#if ASAN
TEST_F(SyncDeathTest, AsanSeesUseAfterFreeAndOverflow) {
  Boot();
  kmem_cache* cache = kmem_cache_create(machine_, "thing", 40);
  auto* object = static_cast<volatile char*>(kmem_cache_alloc(cache, 0));
  object[39] = 1;
  EXPECT_DEATH(object[40] = 1, "use-after-poison");
  EXPECT_DEATH(object[-1] = 1, "use-after-poison");
  kmem_cache_free(cache, const_cast<char*>(object));
  EXPECT_DEATH(object[0] = 1, "use-after-poison");
  page* page = alloc_page(GFP_KERNEL);
  auto* bytes = static_cast<volatile char*>(page_address(page));
  bytes[4095] = 1;
  put_page(page);
  EXPECT_DEATH(bytes[0] = 1, "use-after-poison");
}
#endif

// ---- pages ----

TEST_F(SyncTest, PagesAreCountedAndComeBackWhenTheLastReferenceGoes) {
  Boot();
  EXPECT_EQ(machine_->nr_free, 31u);  // the zero page is taken
  page* page = alloc_page(GFP_KERNEL | __GFP_ZERO);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page_ref_count(page), 1);
  EXPECT_EQ(page_mapcount(page), 0);
  auto* bytes = static_cast<char*>(page_address(page));
  for (int i = 0; i < 4096; i++) ASSERT_EQ(bytes[i], 0);
  get_page(page);
  EXPECT_TRUE(get_page_unless_zero(page));
  EXPECT_EQ(page_ref_count(page), 3);
  put_page(page);
  put_page(page);
  EXPECT_EQ(machine_->nr_free, 30u);
  put_page(page);
  EXPECT_EQ(machine_->nr_free, 31u);
  EXPECT_EQ(page_ref_count(page), 0);
  EXPECT_FALSE(get_page_unless_zero(page));
  EXPECT_EQ(page_ref_count(page), 0);
  EXPECT_TRUE(recorder_.reports.empty());
}

TEST_F(SyncTest, MemoryRunsOutAndEveryFrameIsDistinct) {
  Boot();
  std::vector<page*> pages;
  while (page* page = alloc_page(GFP_KERNEL)) {
    memset(page_address(page), static_cast<int>(pages.size()), 4096);
    pages.push_back(page);
  }
  EXPECT_EQ(pages.size(), 31u);
  for (size_t i = 0; i < pages.size(); i++) {
    auto* bytes = static_cast<unsigned char*>(page_address(pages[i]));
    EXPECT_EQ(bytes[0], i);
    EXPECT_EQ(bytes[4095], i);
    __free_page(pages[i]);
  }
  EXPECT_EQ(machine_->nr_free, 31u);
}

TEST_F(SyncTest, FreeingAPageInUseIsReported) {
  Boot();
  page* page = alloc_page(GFP_KERNEL);
  atomic_inc(&page->_mapcount);
  put_page(page);
  page = alloc_page(GFP_KERNEL);
  page->mapping = reinterpret_cast<address_space*>(this);
  put_page(page);
  page = alloc_page(GFP_KERNEL);
  SetPageLocked(page);
  put_page(page);
  ASSERT_EQ(recorder_.reports.size(), 3u);
  for (const std::string& text : recorder_.reports)
    EXPECT_EQ(text.rfind("Bad page state", 0), 0u) << text;
  EXPECT_NE(recorder_.reports[0].find("mapcount"), std::string::npos);
  EXPECT_NE(recorder_.reports[1].find("mapping"), std::string::npos);
  EXPECT_NE(recorder_.reports[2].find("flag"), std::string::npos);
}

TEST_F(SyncDeathTest, ReferencesOfAFreePageAreABug) {
  Boot();
  page* page = alloc_page(GFP_KERNEL);
  put_page(page);
  EXPECT_DEATH(get_page(page), "BUG: get_page");
  EXPECT_DEATH(put_page(page), "BUG: put_page_testzero");
}

TEST_F(SyncTest, AddressesConvertBothWays) {
  Boot();
  page* page = alloc_page(GFP_KERNEL);
  const kulong pfn = page_to_pfn(page);
  EXPECT_EQ(machine_->ram_pfn, 0x10000u);
  EXPECT_TRUE(pfn_valid(pfn));
  EXPECT_EQ(pfn_to_page(pfn), page);
  char* bytes = static_cast<char*>(page_address(page));
  EXPECT_EQ(virt_to_page(bytes + 100), page);
  EXPECT_EQ(phys_to_virt((phys_addr_t{pfn} << PAGE_SHIFT) + 100), bytes + 100);
  EXPECT_FALSE(pfn_valid(machine_->ram_pfn - 1));
  EXPECT_FALSE(pfn_valid(machine_->ram_pfn + machine_->ram_pages));
  // ROM has an address and no struct page.
  EXPECT_EQ(phys_to_virt(0x8000000), machine_->rom);
  EXPECT_EQ(phys_to_virt(0x8000000 + 3 * 4096 - 1),
            machine_->rom + 3 * 4096 - 1);
  EXPECT_EQ(phys_to_virt(0x8000000 + 3 * 4096), nullptr);
  EXPECT_EQ(phys_to_virt(0x7ffffff), nullptr);
  EXPECT_FALSE(pfn_valid(0x8000));
  EXPECT_EQ(page_to_pfn(machine_->zero_page), machine_->ram_pfn);
  EXPECT_TRUE(PageReserved(machine_->zero_page));
  put_page(page);
}

// ---- machine ----

TEST_F(SyncTest, RamMakesRoomForTheRomWindow) {
  for (const uint64_t rom_phys :
       {uint64_t{0x10000000}, uint64_t{0x0fffe000}, uint64_t{0x1001f000},
        uint64_t{0xffffd000}, uint64_t{0x20000000}}) {
    fl_machine_config config = SmallConfig();
    config.rom_phys = rom_phys;
    ASSERT_NE(Boot(config), nullptr) << std::hex << rom_phys << error_;
    const uint64_t ram = uint64_t{machine_->ram_pfn} << 12;
    EXPECT_TRUE(ram + 32 * 4096 <= rom_phys || ram >= rom_phys + 3 * 4096)
        << std::hex << rom_phys << " " << ram;
    EXPECT_EQ(phys_to_virt(rom_phys), machine_->rom);
    EXPECT_EQ(phys_to_virt(ram), machine_->ram);
  }
}

TEST_F(SyncTest, RegionsOfAMachineDoNotOverlap) {
  Boot();
  const auto* end = machine_->arena + machine_->arena_bytes;
  const char* at = machine_->arena + sizeof(machine);
  EXPECT_LE(at, machine_->scratch);
  EXPECT_LE(static_cast<char*>(machine_->scratch) + FL_SCRATCH_BYTES,
            machine_->slab_base);
  EXPECT_LE(machine_->slab_end, reinterpret_cast<char*>(machine_->mem_map));
  EXPECT_LE(reinterpret_cast<char*>(machine_->mem_map + machine_->ram_pages),
            machine_->ram);
  EXPECT_LE(machine_->ram + machine_->ram_pages * 4096, machine_->rom);
  EXPECT_EQ(machine_->rom + machine_->rom_bytes, end);
  EXPECT_EQ(machine_->sysctl_max_map_count, 65530u);
  EXPECT_EQ(machine_->fault_around_bytes, 65536u);
}

TEST_F(SyncTest, NonsenseConfigurationsAreRefusedWithAReason) {
  const auto refused = [&](void (*change)(fl_machine_config*)) {
    fl_machine_config config = SmallConfig();
    change(&config);
    return Boot(config) == nullptr && !error_.empty();
  };
  EXPECT_TRUE(refused([](fl_machine_config* c) { c->struct_bytes = 8; }));
  EXPECT_TRUE(refused([](fl_machine_config* c) { c->cpus = 0; }));
  EXPECT_TRUE(refused([](fl_machine_config* c) { c->ram_pages = 1; }));
  EXPECT_TRUE(refused([](fl_machine_config* c) { c->slab_bytes = 10; }));
  EXPECT_TRUE(refused([](fl_machine_config* c) { c->rom_phys = 0x8000001; }));
  EXPECT_EQ(refused([](fl_machine_config* c) { c->rom_phys = 0xffffe000; }),
            kArm);
  fl_machine_config config = SmallConfig();
  alignas(4096) static char small[4096];
  const char* error = nullptr;
  EXPECT_EQ(machine_init(small, sizeof(small), &config, &error), nullptr);
  EXPECT_NE(error, nullptr);
}

TEST_F(SyncTest, HostCallsRunAsTheInitTask) {
  Boot();
  task_struct* before = machine_enter(machine_);
  EXPECT_EQ(before, &host_task_);
  EXPECT_EQ(current, &machine_->init_task);
  EXPECT_EQ(current_machine(), machine_);
  machine_leave(before);
  EXPECT_EQ(current, &host_task_);
}

TEST_F(SyncTest, ForcedSignalIsRecordedForTheFault) {
  Boot();
  force_sig_fault(SIGBUS, BUS_ADRERR, 0xdead000);
  EXPECT_EQ(host_task_.fault_sig, SIGBUS);
  EXPECT_EQ(host_task_.fault_code, BUS_ADRERR);
  EXPECT_EQ(host_task_.fault_addr, 0xdead000u);
  EXPECT_FALSE(signal_pending(&host_task_));
}

// ---- printk ----

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[128];
  const int length = fl_snprintf(text, sizeof(text), format, args...);
  EXPECT_EQ(length, static_cast<int>(strlen(text)));
  return text;
}

TEST(PrintkTest, FormatsTheDocumentedSubset) {
  EXPECT_EQ(Format("plain"), "plain");
  EXPECT_EQ(Format("%s|%5s|%c|%%", "ab", "cd", 'x'), "ab|   cd|x|%");
  EXPECT_EQ(Format("%d %i %u", -5, 7, 4000000000u), "-5 7 4000000000");
  EXPECT_EQ(Format("%d", INT32_MIN), "-2147483648");
  EXPECT_EQ(Format("%5d|%05d|%-", -42, -42), "  -42|-0042|%-");
  EXPECT_EQ(Format("%x %#x %08x %#x", 255, 255, 0xabcu, 0),
            "ff 0xff 00000abc 0");
  EXPECT_EQ(Format("%#06x|%#6x", 255, 255), "0x00ff|  0xff");
  EXPECT_EQ(Format("%lx %lu %ld", KL(0xfedcba9876543210), KL(1) << 40,
                   KL(static_cast<klong>(-3))),
            "fedcba9876543210 1099511627776 -3");
  EXPECT_EQ(Format("%zu %llu", size_t{12}, KL(13)), "12 13");
  EXPECT_EQ(Format("%lld", INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(Format("%p", reinterpret_cast<void*>(0x1234)), "0000000000001234");
  EXPECT_EQ(Format("%s", static_cast<const char*>(nullptr)), "(null)");
  EXPECT_EQ(Format("%08lx-%08lx", KL(0x8000), KL(0x123456789)),
            "00008000-123456789");
  EXPECT_EQ(Format("50%"), "50%");
}

TEST(PrintkTest, SnprintfCutsAndTellsTheFullLength) {
  char text[5] = {'#', '#', '#', '#', '#'};
  EXPECT_EQ(fl_snprintf(text, 4, "%s", "abcdef"), 6);
  EXPECT_STREQ(text, "abc");
  EXPECT_EQ(text[4], '#');
  EXPECT_EQ(fl_snprintf(nullptr, 0, "%d", 1234), 4);
  EXPECT_EQ(fl_snprintf(text, 1, "xyz"), 3);
  EXPECT_STREQ(text, "");
}

TEST_F(SyncTest, PrintkPassesWholeLines) {
  pr_err("one %d\n", 1);
  pr_info("two\nthree");
  const std::vector<std::string> expected = {"3one 1", "6two", "6three"};
  EXPECT_EQ(recorder_.lines, expected);
}

}  // namespace
}  // namespace faultline
