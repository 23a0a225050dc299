#include "io/operation.h"

#include "base/check.h"

namespace penstock::io {

OperationPool::OperationPool(std::size_t expected) {
  for (std::size_t i = 0; i < expected; ++i) {
    grow();
  }
}

void OperationPool::grow() {
  CHECK(all_.size() < k_operations_max);
  Operation& operation = all_.emplace_back();
  operation.index = static_cast<std::uint32_t>(all_.size() - 1);
  free_.push(operation);
}

Operation& OperationPool::take() {
  if (free_.empty()) {
    grow();
  }
  return free_.pop();
}

Completion OperationPool::give_back(Operation& operation) {
  CHECK(!operation.in_kernel);
  ++operation.generation;
  operation.canceled = false;
  free_.push(operation);
  return std::exchange(operation.done, nullptr);
}

}  // namespace penstock::io
