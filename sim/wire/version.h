/* sim/wire/version.h — which CARLA the bytes belong to.
 *
 * The protocol changed a little with every release. Nothing in this room branches on releases by hand: tables carry a column
 * per release (which fields a struct has, which number a command or a sensor has), and a wire_version picks the column. */
#ifndef SIM_WIRE_VERSION_H
#define SIM_WIRE_VERSION_H
#include "base/error.h"

typedef enum wire_version { WIRE_0_9_13 = 13, WIRE_0_9_14 = 14, WIRE_0_9_15 = 15, WIRE_0_9_16 = 16 } wire_version;
#define WIRE_VERSION_FIRST    WIRE_0_9_13
#define WIRE_VERSION_LATEST   WIRE_0_9_16
#define WIRE_VERSION_COUNT    4
#define WIRE_VERSION_RANGE    "0.9.13 to 0.9.16"
#define WIRE_VERSION_INDEX(v) ((int)(v) - (int)WIRE_VERSION_FIRST) /* 0 .. WIRE_VERSION_COUNT-1 */

/* "0.9.15", also with a suffix as self-built trees have ("0.9.15-12-gabc"). Anything else: BASE_VERSION. */
bool wire_version_parse(wire_version *version, const char *text, base_error *err);
/* "0.9.15" */
const char *wire_version_name(wire_version version);
#endif
