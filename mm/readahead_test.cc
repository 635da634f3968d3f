// SPDX-License-Identifier: GPL-2.0-only
//
// What is read ahead of what was asked for.  A strip has a character a page:
// '#' cached, 'R' cached and marked PG_readahead, '.' not cached.

#include <cstdint>
#include <string>

// First, as it undoes what the C library's headers define.
#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr struct backing_dev_info kDisk = {32, 128};

// A file of 256 pages on a device.
class File {
 public:
  explicit File(const struct backing_dev_info* device = &kDisk)
      : file_(&machine_) {
    static const struct address_space_operations kOps = {ReadPage, nullptr,
                                                         nullptr, nullptr};
    file_.mapping()->a_ops = &kOps;
    file_.mapping()->host->i_sb->s_bdi = device;
    Reopen();
    bad_page = ~uint64_t{0};
  }
  ~File() {
    machine_.FailAllocations(0, 0);
    machine_.PutMm();
  }

  // Forgets what was read so far, as another open of the file has.
  void Reopen() { file_ra_state_init(&file_.get()->f_ra, file_.mapping()); }
  void Drop() {
    truncate_inode_pages_range(file_.mapping(), 0, -1);
    Reopen();
  }

  // read(2) of whole pages; pages read, or the error.
  int64_t Read(uint64_t page, uint64_t pages = 1) {
    std::string text(pages << PAGE_SHIFT, '?');
    loff_t pos = static_cast<loff_t>(page << PAGE_SHIFT);
    const int64_t got =
        generic_file_read(file_.get(), text.data(), text.size(), &pos);
    return got < 0 ? got : got >> PAGE_SHIFT;
  }
  void Map(kulong vm_flags = 0) {
    ASSERT_GT(vm_mmap_pgoff(file_.get(), PageAddress(0), 256 << PAGE_SHIFT,
                            PROT_READ, MAP_PRIVATE | MAP_FIXED, 0),
              0);
    machine_.mm()->mmap->vm_flags |= vm_flags;
  }

  std::string Strip(uint64_t first, uint64_t pages) {
    std::string strip;
    for (uint64_t index = first; index < first + pages; ++index) {
      struct page* page = find_get_page(file_.mapping(), index);
      strip += page == nullptr ? '.' : PageReadahead(page) ? 'R' : '#';
      if (page != nullptr) put_page(page);
    }
    return strip;
  }
  std::string Start(uint64_t pages) {
    const std::string strip = Strip(0, pages);
    return strip.substr(0, strip.find_last_not_of('.') + 1);
  }
  uint64_t cached() { return file_.pages(); }
  TestMachine& machine() { return machine_; }
  struct file_ra_state& ra() {
    return file_.get()->f_ra;
  }

  static uint64_t bad_page;

 private:
  static int ReadPage(struct file*, struct page* page) {
    const bool bad = page->index == bad_page;
    if (bad) {
      SetPageError(page);
    } else {
      SetPageUptodate(page);
    }
    unlock_page(page);
    return bad ? -EIO : 0;
  }

  TestMachine machine_{{.ram_pages = 1024}};
  PagedFile file_;
};

uint64_t File::bad_page = ~uint64_t{0};

TEST(ReadaheadTest, AReaderInSequenceGetsEverLargerWindows) {
  File file;
  ASSERT_EQ(file.Read(0), 1);
  EXPECT_EQ(file.Start(256), "#R##");
  ASSERT_EQ(file.Read(1), 1);
  EXPECT_EQ(file.Start(256), "####R#######");
  ASSERT_EQ(file.Read(2), 1);
  ASSERT_EQ(file.Read(3), 1);
  EXPECT_EQ(file.Start(256), "####R#######");
  ASSERT_EQ(file.Read(4), 1);
  EXPECT_EQ(file.Start(256), "############R###############");
  for (uint64_t page = 5; page < 28; ++page) ASSERT_EQ(file.Read(page), 1);
  EXPECT_EQ(file.cached(), 28u + 32u);
  EXPECT_EQ(file.Strip(28, 32), "R" + std::string(31, '#'));
  // As large as a window can be.
  ASSERT_EQ(file.Read(28), 1);
  EXPECT_EQ(file.cached(), 60u + 32u);
}

TEST(ReadaheadTest, TheFirstWindowGoesByTheSizeOfTheRead) {
  File file;
  ASSERT_EQ(file.Read(0, 4), 4);
  EXPECT_EQ(file.Start(256), "####R###");
  file.Drop();
  ASSERT_EQ(file.Read(0, 9), 9);
  EXPECT_EQ(file.Start(256), std::string(9, '#') + "R" + std::string(22, '#'));
}

TEST(ReadaheadTest, ALargeReadHasWhatTheDeviceTakesAtOnce) {
  File file;
  ASSERT_EQ(file.Read(0, 100), 100);
  // All of it, and as the first page would be the mark, as much again.
  EXPECT_EQ(file.Start(256),
            std::string(100, '#') + "R" + std::string(99, '#'));
}

TEST(ReadaheadTest, AReadAtRandomReadsWhatIsAskedFor) {
  File file;
  ASSERT_EQ(file.Read(100), 1);
  ASSERT_EQ(file.Read(50, 3), 3);
  EXPECT_EQ(file.cached(), 4u);
  EXPECT_EQ(file.Strip(49, 5), ".###.");
}

TEST(ReadaheadTest, PagesBeforeItMakeAReaderOneOfSeveral) {
  File file;
  for (uint64_t page : {23, 22, 21, 20}) {
    file.Reopen();
    ASSERT_EQ(file.Read(page), 1);
  }
  ASSERT_EQ(file.Strip(19, 7), ".####..");
  file.Reopen();
  ASSERT_EQ(file.Read(24), 1);
  // Four of history and the one: the last is the mark.
  EXPECT_EQ(file.Strip(19, 12), ".########R..");
}

TEST(ReadaheadTest, AMarkOfAnotherReaderLeadsToTheNextHole) {
  File file;
  ASSERT_EQ(file.Read(0), 1);
  ASSERT_EQ(file.Read(1), 1);
  ASSERT_EQ(file.Start(256), "####R#######");
  file.Reopen();
  ASSERT_EQ(file.Read(4), 1);
  // The hole is 8 pages on: twice 8 and the one.
  EXPECT_EQ(file.Start(256), std::string(12, '#') + "R" + std::string(17, '#'));
}

TEST(ReadaheadTest, NothingIsReadBeyondTheEnd) {
  File file;
  ASSERT_EQ(file.Read(255), 1);
  ASSERT_EQ(file.Read(253), 1);
  ASSERT_EQ(file.Read(254), 1);
  EXPECT_EQ(file.cached(), 3u);
}

TEST(ReadaheadTest, WithoutADeviceNothingIsReadAhead) {
  File file(&noop_backing_dev_info);
  for (uint64_t page = 0; page < 5; ++page) ASSERT_EQ(file.Read(page), 1);
  EXPECT_EQ(file.cached(), 5u);
  file.Map();
  EXPECT_EQ(Load(40).sig, 0);
  EXPECT_EQ(do_madvise(PageAddress(0), 100 << PAGE_SHIFT, 3), 0);
  EXPECT_EQ(file.cached(), 6u);
}

TEST(ReadaheadTest, AFaultReadsAround) {
  File file;
  file.Map();
  EXPECT_EQ(Load(40).sig, 0);
  EXPECT_EQ(file.cached(), 32u);
  EXPECT_EQ(file.Strip(23, 34),
            "." + std::string(24, '#') + "R" + std::string(7, '#') + ".");
}

TEST(ReadaheadTest, AMarkIsNotMappedByFaultAroundButMet) {
  File file;
  file.Map();
  ASSERT_EQ(Load(40).sig, 0);
  ASSERT_EQ(file.Strip(48, 1), "R");
  ASSERT_EQ(Load(49).sig, 0);  // around 48 as well
  EXPECT_EQ(PteAt(file.machine().mm(), 48).pte, 0u);
  ASSERT_NE(PteAt(file.machine().mm(), 50).pte, 0u);
  ASSERT_EQ(Load(48).sig, 0);
  // The window was 24 to 55; the next one has been read.
  EXPECT_EQ(file.Strip(48, 41),
            std::string(8, '#') + "R" + std::string(31, '#') + ".");
}

TEST(ReadaheadTest, AdviceChangesWhatAFaultReads) {
  {
    File file;
    file.Map(VM_RAND_READ);
    EXPECT_EQ(Load(40).sig, 0);
    EXPECT_EQ(file.cached(), 1u);
  }
  {
    File file;
    file.Map(VM_SEQ_READ);
    EXPECT_EQ(Load(0).sig, 0);
    EXPECT_EQ(file.Start(256),
              std::string(32, '#') + "R" + std::string(31, '#'));
  }
}

TEST(ReadaheadTest, ReadingAroundEndsWhenItDoesNotPayOff) {
  File file;
  file.Map();
  file.ra().mmap_miss = 99;
  ASSERT_EQ(Load(40).sig, 0);
  EXPECT_EQ(file.cached(), 32u);
  ASSERT_EQ(Load(200).sig, 0);
  EXPECT_EQ(file.cached(), 33u);
  // Pages that are there when they are wanted count the other way.
  file.ra().mmap_miss = 99;
  ASSERT_EQ(Load(160).sig, 0);
  EXPECT_GT(file.cached(), 34u);
}

TEST(ReadaheadTest, WillneedReadsWhatTheDeviceTakesAtOnce) {
  File file;
  file.Map();
  ASSERT_EQ(do_madvise(PageAddress(10), 30 << PAGE_SHIFT, 3), 0);
  EXPECT_EQ(file.Strip(9, 32), "." + std::string(30, '#') + ".");
  ASSERT_EQ(do_madvise(PageAddress(50), 200 << PAGE_SHIFT, 3), 0);
  EXPECT_EQ(file.cached(), 30u + 128u);
}

TEST(ReadaheadTest, ABadPageAheadIsForWhoWantsIt) {
  File file;
  File::bad_page = 2;
  ASSERT_EQ(file.Read(0), 1);
  EXPECT_EQ(file.Start(256), "#R##");
  EXPECT_EQ(file.Read(1), 1);
  EXPECT_EQ(file.Read(2), -EIO);
  EXPECT_EQ(file.Read(3), 1);
  File::bad_page = ~uint64_t{0};
  EXPECT_EQ(file.Read(2), 1);
}

TEST(ReadaheadTest, ShortOfMemoryOnlyTheWantedPageCounts) {
  bool failed = false;
  for (uint32_t n = 1; n < 40; ++n) {
    File file;
    file.machine().FailAllocations(n, 1000);
    const int64_t got = file.Read(0);
    file.machine().FailAllocations(0, 0);
    EXPECT_TRUE(got == 1 || got == -ENOMEM) << n << ": " << got;
    if (got < 0) failed = true;
    if (got == 1 && n < 4) {
      EXPECT_LT(file.cached(), 4u) << n;
    }
    EXPECT_EQ(file.Read(0), 1);
    for (const TestReport& report : file.machine().TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace faultline
