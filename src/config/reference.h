// conf/REFERENCE.md, made from the table of keys. Regenerate it by: penstock reference > conf/REFERENCE.md
#pragma once

#include <string>

namespace penstock::config {

std::string reference_page();

}  // namespace penstock::config
