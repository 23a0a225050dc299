#include "lake/null_store.h"

#include <utility>

#include "base/concat.h"

namespace penstock::lake {

template <class Value>
void NullBlobStore::answer(std::function<void(Result<Value>)> done, Result<Value> result) {
  loop_.defer([alive = alive_.watch(), done = std::move(done), result = std::move(result)] {
    if (!alive.gone()) {
      done(result);
    }
  });
}

void NullBlobStore::put_block(const std::string& /*name*/, const BlockRef& /*block*/, Body /*body*/,
                              Done done) {
  answer(std::move(done), Result<void>{});
}

void NullBlobStore::commit_blocks(const std::string& /*name*/, std::span<const BlockRef> blocks,
                                  const Metadata& /*metadata*/, Done done) {
  ++blob_count_;
  for (const BlockRef& block : blocks) {
    bytes_ += block.bytes;
  }
  answer(std::move(done), Result<void>{});
}

void NullBlobStore::put_blob(const std::string& /*name*/, Body body, const Metadata& /*metadata*/,
                             Done done) {
  ++blob_count_;
  bytes_ += size_of(body);
  answer(std::move(done), Result<void>{});
}

void NullBlobStore::get_properties(const std::string& name,
                                   std::function<void(Result<BlobProperties>)> done) {
  answer(std::move(done),
         Result<BlobProperties>{make_error(ErrorKind::not_found, Action::give_up,
                                           concat("the null store has forgotten blob ", name))});
}

void NullBlobStore::list(const std::string& /*prefix*/, const std::string& /*marker*/,
                         std::function<void(Result<BlobPage>)> done) {
  answer(std::move(done), Result<BlobPage>{BlobPage{}});
}

void NullBlobStore::read(const std::string& name, std::uint64_t /*offset*/, std::uint64_t /*bytes*/,
                         std::function<void(Result<std::string>)> done) {
  answer(std::move(done),
         Result<std::string>{make_error(ErrorKind::not_found, Action::give_up,
                                        concat("the null store has forgotten blob ", name))});
}

void NullBlobStore::probe(Done done) {
  answer(std::move(done), Result<void>{});
}

}  // namespace penstock::lake
