// What a run came to: a line for people, an object for programs.
#pragma once

#include <string>

#include <penstock/penstock.h>

namespace penstock::app {

// "landed 1,000 records (1.0 MB) in 2 files in 3.0 s; 0.01 s of CPU, 40 MiB at most"
std::string summary_line(const Summary& summary);

// {"records":...,"bytes":...,"blobs":...,"seconds":...,"cpu_seconds":...,"peak_rss_bytes":...,"topics":[...]}
std::string summary_json(const Summary& summary);

// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace penstock::app
