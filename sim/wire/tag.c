#include "sim/wire/tag.h"
#include <string.h>

/* Names as in CARLA's sensor reference, colours of CityScapesPalette.h since 0.9.14, numbers of ObjectLabel.h. */
static const struct {
    const char *name;
    uint8_t rgb[3];
    uint8_t number_0_9_13;
} tags[WIRE_TAG_COUNT] = {
    [WIRE_TAG_UNLABELED] = { "Unlabeled", { 0, 0, 0 }, 0 },
    [WIRE_TAG_ROADS] = { "Roads", { 128, 64, 128 }, 7 },
    [WIRE_TAG_SIDEWALKS] = { "SideWalks", { 244, 35, 232 }, 8 },
    [WIRE_TAG_BUILDING] = { "Building", { 70, 70, 70 }, 1 },
    [WIRE_TAG_WALL] = { "Wall", { 102, 102, 156 }, 11 },
    [WIRE_TAG_FENCE] = { "Fence", { 190, 153, 153 }, 2 },
    [WIRE_TAG_POLE] = { "Pole", { 153, 153, 153 }, 5 },
    [WIRE_TAG_TRAFFIC_LIGHT] = { "TrafficLight", { 250, 170, 30 }, 18 },
    [WIRE_TAG_TRAFFIC_SIGN] = { "TrafficSign", { 220, 220, 0 }, 12 },
    [WIRE_TAG_VEGETATION] = { "Vegetation", { 107, 142, 35 }, 9 },
    [WIRE_TAG_TERRAIN] = { "Terrain", { 152, 251, 152 }, 22 },
    [WIRE_TAG_SKY] = { "Sky", { 70, 130, 180 }, 13 },
    [WIRE_TAG_PEDESTRIAN] = { "Pedestrian", { 220, 20, 60 }, 4 },
    [WIRE_TAG_RIDER] = { "Rider", { 255, 0, 0 }, 4 },
    [WIRE_TAG_CAR] = { "Car", { 0, 0, 142 }, 10 },
    [WIRE_TAG_TRUCK] = { "Truck", { 0, 0, 70 }, 10 },
    [WIRE_TAG_BUS] = { "Bus", { 0, 60, 100 }, 10 },
    [WIRE_TAG_TRAIN] = { "Train", { 0, 80, 100 }, 10 },
    [WIRE_TAG_MOTORCYCLE] = { "Motorcycle", { 0, 0, 230 }, 10 },
    [WIRE_TAG_BICYCLE] = { "Bicycle", { 119, 11, 32 }, 10 },
    [WIRE_TAG_STATIC] = { "Static", { 110, 190, 160 }, 19 },
    [WIRE_TAG_DYNAMIC] = { "Dynamic", { 170, 120, 50 }, 20 },
    [WIRE_TAG_OTHER] = { "Other", { 55, 90, 80 }, 3 },
    [WIRE_TAG_WATER] = { "Water", { 45, 60, 150 }, 21 },
    [WIRE_TAG_ROAD_LINE] = { "RoadLine", { 157, 234, 50 }, 6 },
    [WIRE_TAG_GROUND] = { "Ground", { 81, 0, 81 }, 14 },
    [WIRE_TAG_BRIDGE] = { "Bridge", { 150, 100, 100 }, 15 },
    [WIRE_TAG_RAIL_TRACK] = { "RailTrack", { 230, 150, 140 }, 16 },
    [WIRE_TAG_GUARD_RAIL] = { "GuardRail", { 180, 165, 180 }, 17 },
};

const char *wire_tag_name(int tag) { return tag >= 0 && tag < WIRE_TAG_COUNT ? tags[tag].name : NULL; }

wire_tag wire_tag_from_name(const char *name)
{
    int i = 0;
    while (i < WIRE_TAG_COUNT && strcmp(tags[i].name, name) != 0)
        i++;
    return (wire_tag)i;
}

uint8_t wire_tag_to_wire(wire_tag tag, wire_version version)
{
    if ((unsigned)tag >= WIRE_TAG_COUNT)
        return 0;
    return version >= WIRE_0_9_14 ? (uint8_t)tag : tags[tag].number_0_9_13;
}

wire_tag wire_tag_from_wire(uint8_t number, wire_version version)
{
    if (version >= WIRE_0_9_14)
        return number < WIRE_TAG_COUNT ? (wire_tag)number : WIRE_TAG_COUNT;
    int i = 0; /* the first of several is the most common kind: Pedestrian before Rider, Car before Truck */
    while (i < WIRE_TAG_COUNT && tags[i].number_0_9_13 != number)
        i++;
    return (wire_tag)i;
}

void wire_tag_color(int tag, uint8_t rgb[3])
{
    static const uint8_t black[3];
    memcpy(rgb, tag >= 0 && tag < WIRE_TAG_COUNT ? tags[tag].rgb : black, 3);
}
