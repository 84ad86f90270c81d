/* sim/wire/wire.h — the room of bytes: CARLA's protocol without sockets, for client and server alike.
 *
 *   version.h  releases 0.9.13 to 0.9.16 as columns of tables
 *   value.h    types described as data; msgpack and packed forms, memory of decoded values
 *   types.h    CARLA's structs            command.h  batch commands
 *   method.h   RPC functions as rows      rpc.h      requests, responses, the bounded scan that comes before any decoding
 *   sensor.h   the streaming port         tag.h      semantic tags
 *
 * Golden bytes from CARLA's own serialisers are in tests/golden/wire. */
#ifndef SIM_WIRE_WIRE_H
#define SIM_WIRE_WIRE_H
#include "sim/wire/command.h"
#include "sim/wire/method.h"
#include "sim/wire/rpc.h"
#include "sim/wire/sensor.h"
#include "sim/wire/tag.h"
#include "sim/wire/types.h"
#include "sim/wire/value.h"
#include "sim/wire/version.h"
#endif
