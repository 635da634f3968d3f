// SPDX-License-Identifier: GPL-2.0-only
//
// Property tests: the augmented red-black tree and both interval trees
// against brute force over the same set.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "mm/testing.h"

namespace faultline {
namespace {

// ---- a tree of integers that caches the greatest value of a subtree ----

struct Item {
  uint64_t key = 0;
  uint64_t value = 0;
  uint64_t greatest = 0;
  struct rb_node rb = {};
};

uint64_t Greatest(Item* item) {
  uint64_t greatest = item->value;
  for (struct rb_node* child : {item->rb.rb_left, item->rb.rb_right}) {
    if (child != nullptr) {
      greatest = std::max(greatest, rb_entry(child, Item, rb)->greatest);
    }
  }
  return greatest;
}

void Propagate(struct rb_node* rb, struct rb_node* stop) {
  while (rb != stop) {
    Item* item = rb_entry(rb, Item, rb);
    const uint64_t greatest = Greatest(item);
    if (item->greatest == greatest) break;
    item->greatest = greatest;
    rb = rb_parent(rb);
  }
}

void Copy(struct rb_node* old, struct rb_node* next) {
  rb_entry(next, Item, rb)->greatest = rb_entry(old, Item, rb)->greatest;
}

void Rotate(struct rb_node* old, struct rb_node* next) {
  Copy(old, next);
  Item* item = rb_entry(old, Item, rb);
  item->greatest = Greatest(item);
}

constexpr struct rb_augment_callbacks kGreatest = {Propagate, Copy, Rotate};

void Insert(Item* item, struct rb_root* root) {
  struct rb_node** link = &root->rb_node;
  struct rb_node* parent = nullptr;
  while (*link != nullptr) {
    parent = *link;
    Item* at = rb_entry(parent, Item, rb);
    at->greatest = std::max(at->greatest, item->value);
    link = item->key < at->key ? &parent->rb_left : &parent->rb_right;
  }
  item->greatest = item->value;
  rb_link_node(&item->rb, parent, link);
  rb_insert_augmented(&item->rb, root, &kGreatest);
}

bool IsRed(const struct rb_node* node) {
  return node != nullptr && (node->__rb_parent_color & 1) == 0;
}

// The black height; checks every rule of a red-black tree on the way.
int CheckSubtree(struct rb_node* node) {
  if (node == nullptr) return 1;
  for (struct rb_node* child : {node->rb_left, node->rb_right}) {
    if (child == nullptr) continue;
    EXPECT_EQ(rb_parent(child), node);
    EXPECT_FALSE(IsRed(node) && IsRed(child)) << "red under red";
  }
  Item* item = rb_entry(node, Item, rb);
  EXPECT_EQ(item->greatest, Greatest(item)) << "augmented value is stale";
  const int left = CheckSubtree(node->rb_left);
  const int right = CheckSubtree(node->rb_right);
  EXPECT_EQ(left, right) << "black heights differ";
  return left + (IsRed(node) ? 0 : 1);
}

void CheckTree(const struct rb_root& root,
               const std::multiset<uint64_t>& keys) {
  EXPECT_FALSE(IsRed(root.rb_node));
  CheckSubtree(root.rb_node);
  std::vector<uint64_t> found;
  struct rb_node* last = nullptr;
  for (struct rb_node* node = rb_first(&root); node; node = rb_next(node)) {
    found.push_back(rb_entry(node, Item, rb)->key);
    last = node;
  }
  EXPECT_EQ(found, std::vector<uint64_t>(keys.begin(), keys.end()));
  std::vector<uint64_t> backwards;
  for (struct rb_node* node = last; node; node = rb_prev(node)) {
    backwards.push_back(rb_entry(node, Item, rb)->key);
  }
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_EQ(backwards, found);
}

TEST(RbTreeTest, RandomInsertAndEraseKeepEveryRule) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const size_t size = 1 + random() % 60;
    struct rb_root root = {};
    std::multiset<uint64_t> keys;
    std::vector<std::unique_ptr<Item>> items;
    for (int step = 0; step < 400; ++step) {
      const bool insert = items.size() < size && random() % 3 != 0;
      if (insert) {
        items.push_back(std::make_unique<Item>());
        items.back()->key = random() % 50;
        items.back()->value = random() % 1000;
        Insert(items.back().get(), &root);
        keys.insert(items.back()->key);
      } else if (!items.empty()) {
        std::swap(items[random() % items.size()], items.back());
        rb_erase_augmented(&items.back()->rb, &root, &kGreatest);
        keys.erase(keys.find(items.back()->key));
        items.pop_back();
      }
      CheckTree(root, keys);
      if (HasFailure()) return;
    }
  }
}

TEST(RbTreeTest, AscendingInsertsDoNotDegenerate) {
  struct rb_root root = {};
  std::vector<Item> items(1023);
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].key = i;
    Insert(&items[i], &root);
  }
  int height = 0;
  for (const struct rb_node* node = root.rb_node; node; node = node->rb_right) {
    ++height;
  }
  EXPECT_LE(height, 20);  // 2 * log2(1024)
}

// The shape itself matters: what a search with a wrong key meets depends on
// it.  1..7 in order, worked out by hand with the textbook's rules.
TEST(RbTreeTest, ShapeIsTheTextbookOne) {
  struct rb_root root = {};
  std::vector<Item> items(8);
  for (uint64_t key = 1; key <= 7; ++key) {
    items[key].key = key;
    Insert(&items[key], &root);
  }
  auto parent_key = [&](uint64_t key) -> uint64_t {
    struct rb_node* parent = rb_parent(&items[key].rb);
    return parent == nullptr ? 0 : rb_entry(parent, Item, rb)->key;
  };
  const std::vector<uint64_t> parents = {
      parent_key(1), parent_key(2), parent_key(3), parent_key(4),
      parent_key(5), parent_key(6), parent_key(7)};
  EXPECT_EQ(parents, (std::vector<uint64_t>{2, 0, 4, 2, 6, 4, 6}));

  // Two children: the successor takes the place of what is erased.
  rb_erase_augmented(&items[4].rb, &root, &kGreatest);
  EXPECT_EQ(parent_key(5), 2u);
  EXPECT_EQ(parent_key(3), 5u);
  EXPECT_EQ(parent_key(6), 5u);
  EXPECT_EQ(parent_key(7), 6u);
}

// ---- interval trees ----

struct Strip {
  kulong first, last;
};

void SetInterval(struct vm_area_struct* vma, kulong first, kulong pages) {
  vma->vm_pgoff = first;
  vma->vm_start = 0x100000;
  vma->vm_end = 0x100000 + (pages << PAGE_SHIFT);
}

bool Meets(const struct vm_area_struct* vma, const Strip& query) {
  return vma_start_pgoff(vma) <= query.last &&
         vma_last_pgoff(vma) >= query.first;
}

// What the tree gives for the query, each exactly once and in order.
void ExpectQueryRight(struct rb_root* root,
                      const std::vector<struct vm_area_struct*>& all,
                      const Strip& query) {
  std::multiset<struct vm_area_struct*> found;
  struct vm_area_struct* vma;
  kulong before = 0;
  vma_interval_tree_foreach(vma, root, query.first, query.last) {
    EXPECT_LE(before, vma->vm_pgoff) << "out of order";
    before = vma->vm_pgoff;
    found.insert(vma);
  }
  std::multiset<struct vm_area_struct*> expected;
  for (struct vm_area_struct* candidate : all) {
    if (Meets(candidate, query)) expected.insert(candidate);
  }
  EXPECT_EQ(found, expected) << query.first << ".." << query.last;
}

TEST(IntervalTreeTest, QueriesFindExactlyWhatOverlaps) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    struct rb_root root = {};
    std::vector<std::unique_ptr<struct vm_area_struct>> owned;
    std::vector<struct vm_area_struct*> in_tree;
    for (int step = 0; step < 200; ++step) {
      if (in_tree.empty() || random() % 5 != 0) {
        owned.push_back(std::make_unique<struct vm_area_struct>());
        struct vm_area_struct* vma = owned.back().get();
        if (!in_tree.empty() && random() % 3 == 0) {
          struct vm_area_struct* prev = in_tree[random() % in_tree.size()];
          SetInterval(vma, prev->vm_pgoff, vma_pages(prev));
          vma_interval_tree_insert_after(vma, prev, &root);
          EXPECT_EQ(rb_next(&prev->shared.rb), &vma->shared.rb);
        } else {
          SetInterval(vma, random() % 64, 1 + random() % 9);
          vma_interval_tree_insert(vma, &root);
        }
        in_tree.push_back(vma);
      } else {
        std::swap(in_tree[random() % in_tree.size()], in_tree.back());
        vma_interval_tree_remove(in_tree.back(), &root);
        in_tree.pop_back();
      }
      for (int query = 0; query < 8; ++query) {
        const kulong first = random() % 70;
        ExpectQueryRight(&root, in_tree, {first, first + random() % 6});
      }
      if (HasFailure()) return;
    }
  }
}

TEST(IntervalTreeTest, AnonChainsAreKeyedByTheirVma) {
  std::mt19937 random(1);
  struct rb_root root = {};
  std::vector<std::unique_ptr<struct vm_area_struct>> vmas;
  std::vector<std::unique_ptr<struct anon_vma_chain>> chains;
  for (int i = 0; i < 60; ++i) {
    vmas.push_back(std::make_unique<struct vm_area_struct>());
    SetInterval(vmas.back().get(), random() % 40, 1 + random() % 5);
    chains.push_back(std::make_unique<struct anon_vma_chain>());
    chains.back()->vma = vmas.back().get();
    anon_vma_interval_tree_insert(chains.back().get(), &root);
  }
  for (int i = 0; i < 20; ++i) {
    anon_vma_interval_tree_remove(chains.back().get(), &root);
    chains.pop_back();
    vmas.pop_back();
  }
  for (kulong page = 0; page < 50; ++page) {
    size_t found = 0;
    for (struct anon_vma_chain* avc =
             anon_vma_interval_tree_iter_first(&root, page, page);
         avc != nullptr;
         avc = anon_vma_interval_tree_iter_next(avc, page, page)) {
      ++found;
    }
    const size_t expected =
        std::count_if(vmas.begin(), vmas.end(), [&](const auto& vma) {
          return Meets(vma.get(), {page, page});
        });
    EXPECT_EQ(found, expected) << "page " << page;
  }
}

// The tree is not told when a key changes under it; the search then goes the
// wrong way although the vma still stands in the tree.
TEST(IntervalTreeTest, KeyLoweredInPlaceHidesTheVma) {
  struct rb_root root = {};
  struct vm_area_struct lower = {}, tail = {};
  SetInterval(&lower, 0x1000, 4);  // keyed by page frame
  SetInterval(&tail, 0x1004, 4);
  vma_interval_tree_insert(&tail, &root);
  vma_interval_tree_insert(&lower, &root);
  ASSERT_EQ(root.rb_node, &tail.shared.rb);
  ASSERT_EQ(tail.shared.rb.rb_left, &lower.shared.rb);

  tail.vm_pgoff = 4;  // rewritten to the page of the file
  bool found = false;
  struct vm_area_struct* vma;
  vma_interval_tree_foreach(vma, &root, 5, 5) found = found || vma == &tail;
  EXPECT_FALSE(found);
}

}  // namespace
}  // namespace faultline
