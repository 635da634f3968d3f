// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/demo.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/finding_printer.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/mapped_file.h"
#include "sim/cli/progress.h"
#include "sim/cli/search.h"
#include "sim/cli/session.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

constexpr char kTemplate[] = "demo.litmus.in";
// At least this often beyond what the suspect needed, and this many in all.
constexpr uint64_t kControlFactor = 10;
constexpr uint64_t kControlLeast = 2000;
constexpr int kFewPreemptions = 3;
// Executions with one seed: the search looks at its findings in between.
constexpr uint64_t kRound = 1000;

uint64_t PagesOf(uint64_t bytes) { return (bytes + 4095) / 4096; }

size_t Lines(const std::string& text) {
  size_t lines = 0;
  for (char c : text) lines += c == '\n';
  return lines;
}

absl::Status WriteFile(const std::string& path, absl::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
  }
  return absl::OkStatus();
}

// The kernel went on in memory that is not its own, died, or gave a program
// the wrong data.  Not: a warning, a count that does not come out.
bool IsGrave(const Finding& finding) {
  return finding.checker == "lifetime" || finding.checker == "data-integrity" ||
         (finding.checker == "kernel-bug" && finding.kind != "WARN" &&
          finding.kind != "bad-state");
}

class Fnv {
 public:
  void Number(uint64_t number) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(number >> (8 * i)));
  }
  void Text(absl::string_view text) {
    Number(text.size());
    for (char c : text) Byte(static_cast<uint8_t>(c));
  }
  uint64_t hash() const { return hash_; }

 private:
  void Byte(uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3u; }
  uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace

uint64_t TraceHash(const Trace& trace) {
  Fnv fnv;
  for (const std::string& task : trace.tasks) fnv.Text(task);
  for (const TraceEvent& event : trace.events) {
    fnv.Number(event.step);
    fnv.Number(static_cast<uint64_t>(event.task));
    fnv.Number(static_cast<uint64_t>(event.kind));
    fnv.Number(event.event);
    fnv.Number(event.arg);
    fnv.Number(event.address);
    fnv.Number(event.size);
    fnv.Text(event.text);
    fnv.Text(event.held);
    fnv.Text(event.function);
    fnv.Text(event.location);
  }
  return fnv.hash();
}

void Demo::Say(absl::string_view line) {
  for (const std::string& part :
       WrapText(Printable(line), static_cast<size_t>(io_.width - 4))) {
    io_.out << "   " << part << "\n";
  }
  io_.out << std::flush;
}

int Demo::Run() {
  struct Step {
    const char* name;
    absl::StatusOr<std::string> (Demo::*run)();
  };
  static constexpr Step kAll[kSteps] = {
      {"a cramfs image of real binaries", &Demo::MakeImage},
      {"mounted as physmem, a binary mapped", &Demo::MapBinary},
      {"a race searched for", &Demo::FindRace},
      {"the same steps again", &Demo::ReplayRace},
      {"the same program, other kernel code", &Demo::SearchControl},
  };
  for (const Step& step : kAll) {
    io_.out << (steps_.empty() ? "" : "\n") << steps_.size() + 1 << ". "
            << step.name << "\n"
            << std::flush;
    const absl::Time begin = absl::Now();
    absl::StatusOr<std::string> result = (this->*step.run)();
    DemoStep done;
    done.name = step.name;
    done.ok = result.ok();
    done.result =
        result.ok() ? *result : std::string(result.status().message());
    done.seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    io_.out << (done.ok ? " \u2713 " : " \u2717 ") << Printable(done.result)
            << " (" << Seconds(done.seconds) << ")\n"
            << std::flush;
    steps_.push_back(std::move(done));
    if (result.ok()) continue;
    if (io_.Interrupted())
      return Complain(io_, "interrupted", kExitInterrupted);
    io_.out << "\n"
            << steps_.size() - 1 << " of " << kSteps
            << " steps came out as they should\n";
    // A finding where none may be is one; all else could not run as asked.
    return steps_.size() == kSteps && !runs_.back().findings.empty()
               ? kExitFound
               : kExitFailed;
  }
  io_.out << "\nall " << kSteps << " steps came out as they should\n";
  return kExitOk;
}

absl::StatusOr<std::string> Demo::MakeImage() {
  absl::StatusOr<DemoImage> image = BuildDemoImage();
  if (!image.ok()) return image.status();
  image_ = *std::move(image);
  std::vector<std::string> paths;
  uint64_t ram_pages = 1024;  // and the page cache, which keeps them all
  for (const DemoFile& file : image_.files) {
    paths.push_back(file.path);
    ram_pages += PagesOf(file.data.size());
  }
  Say(absl::StrJoin(paths, " "));
  Say(absl::StrFormat(
      "%s, %s; image %s; %s of %s blocks direct (%d %%), %s shared by two "
      "files",
      Count(paths.size(), "file", "files"), Bytes(image_.file_bytes),
      Bytes(image_.bytes.size()), WithCommas(image_.direct_blocks),
      WithCommas(image_.blocks), 100 * image_.direct_blocks / image_.blocks,
      Count(image_.shared_pages, "page", "pages")));
  if (image_.direct_blocks == 0) {
    return absl::FailedPreconditionError("no block is direct");
  }
  absl::Status status = VerifyDemoImage(image_);
  if (!status.ok()) return status;

  absl::StatusOr<std::unique_ptr<Session>> session = Session::Open(
      "x86-64", options_.suspect, &image_.bytes, paths, ram_pages);
  if (!session.ok()) return session.status();
  for (size_t i = 0; i < image_.files.size(); ++i) {
    absl::StatusOr<std::vector<uint8_t>> data = (*session)->ReadFile(i);
    if (!data.ok()) return data.status();
    if (*data != image_.files[i].data) {
      return absl::DataLossError(
          absl::StrCat(paths[i], ": the simulated kernel reads other bytes"));
    }
  }
  status = (*session)->Close();
  if (!status.ok()) return status;
  status = WriteFile(
      absl::StrCat(options_.directory, "/demo.cramfs"),
      absl::string_view(reinterpret_cast<const char*>(image_.bytes.data()),
                        image_.bytes.size()));
  if (!status.ok()) return status;
  return std::string(
      "every file reads back the same, by the independent reader and by the "
      "simulated kernel");
}

absl::StatusOr<std::string> Demo::MapBinary() {
  for (const DemoFile& file : image_.files) {
    absl::StatusOr<ElfMapping> plan = PlanElfMapping(file.data);
    if (!plan.ok()) continue;
    const MappedFile wanted = {0, 0, plan->total, {}};
    if (DirectPrefix(file.blocks) == 0 ||
        !TailAddress(wanted, file.blocks).has_value()) {
      continue;
    }
    absl::StatusOr<std::unique_ptr<Session>> session =
        Session::Open("x86-64", options_.suspect, &image_.bytes, {file.path},
                      PagesOf(file.data.size()) + 1024);
    if (!session.ok()) return session.status();
    absl::StatusOr<MappedFile> mapped = MapFirst(session->get(), 0, file.data);
    if (!mapped.ok()) return mapped.status();
    const uint64_t tail = *TailAddress(*mapped, file.blocks);
    Say(absl::StrFormat(
        "%s: %s, the first %d direct; total mapping of %d pages, %s private, "
        "variant %s",
        file.path, Count(file.blocks.size(), "block", "blocks"),
        DirectPrefix(file.blocks), mapped->first.length / 4096,
        ProtText(mapped->first.prot), options_.suspect));
    const std::string before = (*session)->Maps();
    io_.out << "   /proc/PID/maps\n" << Indented(before, "     ");
    absl::Status status =
        TouchAndCompare(session->get(), *mapped, file.data, tail);
    if (!status.ok()) return status;
    const std::string after = (*session)->Maps();
    io_.out << absl::StrFormat(
                   "   /proc/PID/maps after a load at %x, in the tail\n", tail)
            << Indented(after, "     ");
    status = MapSegments(session->get(), *mapped);
    if (!status.ok()) return status;
    io_.out << "   /proc/PID/maps after the segments were mapped over it\n"
            << Indented((*session)->Maps(), "     ");
    status = (*session)->Close();
    if (!status.ok()) return status;
    for (const std::string& line : (*session)->complaints()) {
      Say(absl::StrCat("kernel: ", line));
    }
    if (Lines(after) <= Lines(before)) {
      return absl::FailedPreconditionError("no split is to be seen");
    }
    return absl::StrCat(
        "the first touch of the tail split the mapping: ", Lines(before),
        " line before, ", Lines(after), " after; the byte is the file's");
  }
  return absl::NotFoundError("no binary with direct blocks and a tail");
}

ExploreOptions Demo::BaseOptions(const std::string& variant) const {
  ExploreOptions options;
  options.variant = variant;
  options.granularity = Granularity::kSync;
  options.seed = options_.seed;
  return options;
}

absl::Status Demo::MakeProgram() {
  absl::StatusOr<std::string> directory = LitmusDirectory(io_);
  if (!directory.ok()) return directory.status();
  const std::string name = absl::StrCat(*directory, "/", kTemplate);
  absl::StatusOr<std::string> text = ReadWholeFile(name, kMaxLitmusBytes);
  if (!text.ok()) return text.status();
  // The smallest file will do, and its machine is the fastest.
  const DemoFile* chosen = nullptr;
  for (const DemoFile& file : image_.files) {
    const uint32_t direct = DirectPrefix(file.blocks);
    if (direct == 0 || direct == file.blocks.size()) continue;
    if (chosen == nullptr || file.blocks.size() < chosen->blocks.size()) {
      chosen = &file;
    }
  }
  if (chosen == nullptr) {
    return absl::NotFoundError("no binary with direct blocks and a tail");
  }
  // Beside the program, so that the token does not depend on where that is.
  absl::StatusOr<std::string> filled =
      FillTemplate(*text,
                   {{"IMAGE", "demo.cramfs"},
                    {"PATH", LitmusEscape(chosen->path)},
                    {"PAGES", absl::StrCat(chosen->blocks.size())},
                    {"DIRECT", absl::StrCat(DirectPrefix(chosen->blocks))}},
                   name);
  if (!filled.ok()) return filled.status();
  const std::string path = absl::StrCat(options_.directory, "/demo.litmus");
  absl::Status written = WriteFile(path, *filled);
  if (!written.ok()) return written;
  absl::StatusOr<Program> program = ParseLitmus(*filled, path);
  if (!program.ok()) return program.status();
  program_ = *std::move(program);
  Say(absl::StrFormat("tests/litmus/%s for %s: %s, the first %d direct",
                      kTemplate, chosen->path,
                      Count(chosen->blocks.size(), "block", "blocks"),
                      DirectPrefix(chosen->blocks)));
  return absl::OkStatus();
}

absl::StatusOr<ExploreResult> Demo::Search(const ExploreOptions& options) {
  absl::StatusOr<ExploreResult> found = absl::CancelledError("interrupted");
  const std::vector<faultline::Search> searches = {
      {&program_, absl::StrCat("demo.litmus on ", options.variant), options}};
  RunSearches(io_, searches, 1,
              [&found](size_t, const absl::StatusOr<ExploreResult>& result) {
                found = result;
                return true;
              });
  if (found.ok()) {
    runs_.push_back(MakeRunRecord(program_, *found));
    if (found->stopped == "interrupted") {
      return absl::CancelledError("interrupted");
    }
  }
  return found;
}

absl::StatusOr<std::string> Demo::FindRace() {
  absl::Status made = MakeProgram();
  if (!made.ok()) return made;
  ExploreOptions options = BaseOptions(options_.suspect);
  options.max_executions = kRound;
  std::set<std::string> others;
  bool found = false;
  double seconds = 0;
  uint64_t executions = 0;
  while (!found && seconds < options_.max_seconds) {
    absl::StatusOr<ExploreResult> result = Search(options);
    if (!result.ok()) return result.status();
    for (const Finding& finding : result->findings) {
      if (!IsGrave(finding)) {
        others.insert(finding.title);
      } else if (!found || executions + finding.execution + 1 < needed_) {
        found = true;
        finding_ = finding;
        needed_ = executions + finding.execution + 1;
      }
    }
    executions += result->executions;
    seconds += result->seconds;
    ++options.seed;
  }
  if (!found) {
    return absl::NotFoundError(absl::StrCat(
        "no race found in ", Count(executions, "execution", "executions")));
  }
  absl::StatusOr<ReplayResult> replay =
      Replay(program_, finding_.token, options);
  if (!replay.ok()) return replay.status();
  PrintOptions print;
  print.width = io_.width;
  print.indent = "   ";
  if (options_.keep) {
    print.replay_command = ReplayCommandLine(io_, program_, finding_.token);
  }
  io_.out << "\n" << FormatFinding(finding_, &replay->trace, print);
  if (!others.empty()) {
    Say(absl::StrCat("lesser findings on the way: ",
                     absl::StrJoin(others, "; ")));
  }
  if (!options_.keep) {
    Say("(demo --keep DIR keeps image and program, to replay it later)");
  }
  io_.out << "\n";
  return absl::StrCat(finding_.title, " on ", options_.suspect,
                      " in execution ", WithCommas(needed_), ", minimised to ",
                      Count(finding_.switches, "switch", "switches"));
}

absl::StatusOr<std::string> Demo::ReplayRace() {
  uint64_t hashes[2] = {};
  uint64_t steps = 0;
  for (uint64_t& hash : hashes) {
    absl::StatusOr<ReplayResult> replay =
        Replay(program_, finding_.token, BaseOptions(options_.suspect));
    if (!replay.ok()) return replay.status();
    const auto same =
        std::find_if(replay->findings.begin(), replay->findings.end(),
                     [this](const Finding& finding) {
                       return finding.signature == finding_.signature;
                     });
    if (same == replay->findings.end()) {
      return absl::InternalError("the replay has another finding, or none");
    }
    if (same->step != finding_.step) {
      return absl::InternalError(absl::StrCat("the finding came in step ",
                                              same->step, ", not in step ",
                                              finding_.step));
    }
    hash = TraceHash(replay->trace);
    steps = replay->trace.events.size();
  }
  if (hashes[0] != hashes[1]) {
    return absl::InternalError("two replays differ");
  }
  return absl::StrFormat(
      "same finding in step %d; two replays agree in all %s recorded events "
      "(trace hash %016x)",
      finding_.step, WithCommas(steps), hashes[0]);
}

absl::StatusOr<std::string> Demo::SearchControl() {
  const auto clean = [this](const ExploreResult& result) -> absl::Status {
    if (result.findings.empty()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(result.findings.front().title,
                                            " on ", options_.control, ": ",
                                            result.findings.front().token));
  };
  const uint64_t wanted = std::max(kControlFactor * needed_, kControlLeast);
  // All of them, if that can be had.
  ExploreOptions options = BaseOptions(options_.control);
  options.strategy = "dfs";
  options.stop_at_first = true;
  options.max_executions = std::max<uint64_t>(wanted, 20000);
  options.max_seconds = 10;
  absl::StatusOr<ExploreResult> all = Search(options);
  if (!all.ok()) return all.status();
  absl::Status status = clean(*all);
  if (!status.ok()) return status;
  if (all->exhausted) {
    return absl::StrCat("nothing found on ", options_.control,
                        ": exhausted at sync granularity, ",
                        Count(all->executions, "execution", "executions"));
  }
  // Cut short, depth first stays in one corner.  So all with few preemptions,
  // and the same search as before, which looks in all corners.
  options.max_preemptions = kFewPreemptions;
  absl::StatusOr<ExploreResult> few = Search(options);
  if (!few.ok()) return few.status();
  status = clean(*few);
  if (!status.ok()) return status;
  options = BaseOptions(options_.control);
  options.stop_at_first = true;
  options.max_executions = wanted;
  absl::StatusOr<ExploreResult> same = Search(options);
  if (!same.ok()) return same.status();
  status = clean(*same);
  if (!status.ok()) return status;
  if (same->executions < kControlFactor * needed_) {
    return absl::InternalError(
        absl::StrCat("ended after ", same->executions, " executions"));
  }
  std::string text = absl::StrCat("nothing found on ", options_.control, " in ",
                                  WithCommas(same->executions),
                                  " executions of the same search, ",
                                  WithCommas(same->executions / needed_),
                                  " times what ", options_.suspect, " needed");
  if (few->exhausted) {
    absl::StrAppend(&text, ", nor in all ", WithCommas(few->executions),
                    " with at most ", kFewPreemptions, " preemptions");
  }
  return text;
}

}  // namespace faultline
