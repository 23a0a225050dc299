// Values of AMQP 1.0 as they lie in the headers of Kafka records. Pure.
//
// Event Hubs gives the properties of an event that was sent over AMQP to Kafka's readers as headers whose
// values are AMQP's encoding, type byte included: the property `n` = 5 is the two bytes `54 05`, and `city` =
// "Oslo" is `a1 04 4f 73 6c 6f` (OASIS AMQP 1.0, part 1, section 1.6). Input is from outside: nothing in it
// is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/record_view.h"
#include "base/types.h"

namespace penstock::format {

struct AmqpNull {};

// A value of a type that only AMQP has: boolean, char, uuid, decimal, or an unsigned number above the
// greatest long. It stays the bytes that it was.
struct AmqpOther {};

// Integers and timestamps are longs, float and double doubles, strings and symbols text, binary is bytes.
using AmqpValue = std::variant<AmqpNull, std::int64_t, double, std::string_view, Bytes, AmqpOther>;

// None: the bytes are not one whole value of a primitive type, to the last byte. Text is UTF-8. Views lie in
// `bytes`.
std::optional<AmqpValue> read_amqp_value(Bytes bytes);

// Whether the headers are those of an event that came over AMQP. That is said nowhere, and `T1` is a text as
// well as the number 49. So all values must be whole AMQP values, and one of them must be no printable ASCII.
bool are_of_amqp(std::span<const HeaderView> headers);

}  // namespace penstock::format
