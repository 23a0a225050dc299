// Quarantine files against the files that they lie beside. Pure.
//
// Every file says how many of its records are in quarantine. The quarantine file lies beside it under a name
// that follows from its own, and says how many lines it has and to which attempt they belong. It is put
// before the file. So the one without the other is one of two things:
//
// - a file without its quarantine: records that are in no file. A fault;
// - a quarantine file without its file: its writer has dropped the batch, or has not made the file yet. Its
//   records are in another file, or will be. It counts for nothing, and is a note.
//
// Both may also have come while the names were listed, so the store is asked for the missing one first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "verify/blob_facts.h"
#include "verify/findings.h"

namespace penstock::verify {

class Quarantines {
 public:
  // `left_out`: the file is not judged, and nothing is said of what lies beside it.
  enum class Judged : std::uint8_t { yes, left_out };

  // Of Kind::data, and of Kind::quarantine, in any order. Names are kept until both of a pair are seen, but
  // not those of files without records in quarantine.
  void add_file(const BlobFacts& facts, Judged judged);
  void add_quarantine(const BlobFacts& facts);

  // Once all are added. `find` asks the store for the one of a pair that was not listed.
  Result<void> settle(const std::function<Result<std::optional<BlobFacts>>(const std::string&)>& find,
                      Findings& findings);

  // Of files that are judged and have their quarantine: how many there are, and their records.
  std::uint64_t files() const { return files_; }
  std::uint64_t records() const { return records_; }

 private:
  struct Promise {  // of a file
    std::uint64_t records = 0;
    std::string attempt;
    Judged judged = Judged::yes;
  };
  struct Lines {  // of a quarantine file
    std::uint64_t records = 0;
    std::string of;
  };

  void compare(const std::string& name, const Promise& promise, const Lines& lines);

  std::map<std::string, Promise> promised_;  // by the quarantine file's name
  std::map<std::string, Lines> waiting_;     // likewise
  Findings disagreements_;
  std::uint64_t files_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace penstock::verify
