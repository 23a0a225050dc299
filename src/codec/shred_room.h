// Where the row of one value is made. The shredders of a worker can share it: it is large, and a worker makes
// one row at a time.
#pragma once

#include "codec/json_tokens.h"
#include "codec/row_cells.h"

namespace penstock::codec {

struct ShredRoom {
  RowCells cells;
  JsonTokens tokens;
};

}  // namespace penstock::codec
