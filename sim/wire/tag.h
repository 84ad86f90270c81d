/* sim/wire/tag.h — semantic tags: names, numbers per release, CARLA's palette.
 *
 * 0.9.14 renumbered all tags and split "Vehicles" into kinds. Inside laneloop a tag is its number since 0.9.14 (wire_tag); the numbers
 * of 0.9.13 are made and read at the wire only. A model names its classes by tag name, never by number. */
#ifndef SIM_WIRE_TAG_H
#define SIM_WIRE_TAG_H
#include "sim/wire/version.h"
#include <stdint.h>

typedef enum wire_tag {
    WIRE_TAG_UNLABELED,
    WIRE_TAG_ROADS,
    WIRE_TAG_SIDEWALKS,
    WIRE_TAG_BUILDING,
    WIRE_TAG_WALL,
    WIRE_TAG_FENCE,
    WIRE_TAG_POLE,
    WIRE_TAG_TRAFFIC_LIGHT,
    WIRE_TAG_TRAFFIC_SIGN,
    WIRE_TAG_VEGETATION,
    WIRE_TAG_TERRAIN,
    WIRE_TAG_SKY,
    WIRE_TAG_PEDESTRIAN,
    WIRE_TAG_RIDER,
    WIRE_TAG_CAR,
    WIRE_TAG_TRUCK,
    WIRE_TAG_BUS,
    WIRE_TAG_TRAIN,
    WIRE_TAG_MOTORCYCLE,
    WIRE_TAG_BICYCLE,
    WIRE_TAG_STATIC,
    WIRE_TAG_DYNAMIC,
    WIRE_TAG_OTHER,
    WIRE_TAG_WATER,
    WIRE_TAG_ROAD_LINE,
    WIRE_TAG_GROUND,
    WIRE_TAG_BRIDGE,
    WIRE_TAG_RAIL_TRACK,
    WIRE_TAG_GUARD_RAIL,
    WIRE_TAG_COUNT,
    WIRE_TAG_ANY = 255 /* in queries only */
} wire_tag;

/* "Roads", "RoadLine", ... as CARLA's documentation names them; NULL for a number that is none. */
const char *wire_tag_name(int tag);
/* WIRE_TAG_COUNT when no tag is called so. */
wire_tag wire_tag_from_name(const char *name);
/* Number on the wire in that release. In 0.9.13 all vehicles are one tag and riders are pedestrians. */
uint8_t wire_tag_to_wire(wire_tag tag, wire_version version);
/* WIRE_TAG_COUNT for a number the release does not use; "Vehicles" of 0.9.13 reads as Car. */
wire_tag wire_tag_from_wire(uint8_t number, wire_version version);
/* CARLA's CityScapes palette, r g b, of the tag as a number since 0.9.14. Black for a number that is none. */
void wire_tag_color(int tag, uint8_t rgb[3]);
#endif
