#include "lake/blob_store.h"

namespace penstock::lake {

std::uint64_t size_of(Body body) {
  std::uint64_t bytes = 0;
  for (const Bytes piece : body) {
    bytes += piece.size();
  }
  return bytes;
}

}  // namespace penstock::lake
