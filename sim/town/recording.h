/* sim/town/recording.h — CARLA's recorder files: what they hold, reading, and CARLA's texts about them.
 *
 *     header   u16 version (1), text "CARLA_RECORDER", i64 date (seconds since 1970), text map
 *     packets  u8 id, u32 bytes, that many bytes                            until the end of the file
 *     text     u16 bytes, UTF-8 without a zero
 *
 * A frame is the packets from its FrameStart (u64 number from 1, f64 seconds to the next frame or -1, f64 seconds since the start)
 * to its FrameEnd. Other packets of records begin with u16, how many. Everything is little-endian, unpadded; places are centimetres,
 * turns are roll, pitch, yaw in degrees. Packets with other ids (of later releases) are passed over.
 *
 * A file is not trusted: recording_parse checks every packet and record once, and everything behind it stays inside the bytes. */
#ifndef TOWN_RECORDING_H
#define TOWN_RECORDING_H
#include "base/buffer.h"
#include "base/error.h"
#include "base/geom.h"
#include <stdint.h>

#define RECORDING_MAGIC     "CARLA_RECORDER"
#define RECORDING_VERSION   1
#define RECORDING_BYTES_MAX ((size_t)512 << 20)
#define RECORDING_TEXT_MAX  128 /* longer ids and values are cut */
#define RECORDING_PAIRS_MAX 64  /* attributes of an actor; further ones are passed over */

typedef enum recording_packet {
    RECORDING_FRAME_START = 0,
    RECORDING_FRAME_END = 1,
    RECORDING_ADD = 2,
    RECORDING_DELETE = 3,
    RECORDING_PARENT = 4,
    RECORDING_COLLISION = 5,
    RECORDING_POSITION = 6,
    RECORDING_LIGHT_STATE = 7,
    RECORDING_VEHICLE = 8,
    RECORDING_WALKER = 9,
    RECORDING_VEHICLE_LIGHTS = 10,
    RECORDING_KINEMATICS = 12,
    RECORDING_BOX = 13
} recording_packet;

typedef enum recording_actor { /* types in RECORDING_ADD */
                               RECORDING_OTHER = 0,
                               RECORDING_IS_VEHICLE = 1,
                               RECORDING_IS_WALKER = 2,
                               RECORDING_IS_LIGHT = 3,
                               RECORDING_IS_SIGN = 4,
                               RECORDING_IS_SENSOR = 5
} recording_actor;

typedef struct recording_frame {
    uint64_t number;
    double duration_s, elapsed_s;
    size_t begin, end; /* offsets of its packets, the start packet included */
} recording_frame;

typedef struct recording {
    unsigned char *data;   /* owned */
    size_t bytes, packets; /* packets: offset of the first one */
    uint16_t version;
    int64_t date_s;
    char map[RECORDING_TEXT_MAX];
    recording_frame *frames;
    size_t frame_count; /* >= 1 */
} recording;

/* Takes data over (heap), also on failure; name is for errors. */
bool recording_parse(recording *r, unsigned char *data, size_t bytes, const char *name, base_error *err);
bool recording_read(recording *r, const char *path, const char *name, base_error *err);
void recording_free(recording *r);

typedef struct recording_pair {
    uint8_t type;
    char id[RECORDING_TEXT_MAX], value[RECORDING_TEXT_MAX];
} recording_pair;

typedef struct recording_item { /* one record; metres, m/s, CARLA's frame */
    recording_packet packet;
    uint32_t index, total;    /* within its packet */
    uint32_t id, other;       /* actor; PARENT: and its parent; COLLISION: the second actor */
    base_pose pose;           /* ADD, POSITION; BOX: centre in location */
    base_vec3 velocity, spin; /* KINEMATICS; BOX: half sizes in velocity */
    union {
        recording_frame frame;
        struct {
            uint8_t type; /* recording_actor */
            uint32_t uid;
            char id[RECORDING_TEXT_MAX];
            int pair_count;
            recording_pair pairs[RECORDING_PAIRS_MAX];
        } add;
        struct {
            uint32_t number;
            bool hero, other_hero;
        } collision;
        struct {
            bool frozen;
            float elapsed_s;
            uint8_t state;
        } light;
        struct {
            float steer, throttle, brake;
            bool hand_brake;
            int32_t gear;
        } vehicle;
        float walker_mps;
        uint32_t lights;
    } is;
} recording_item;

typedef struct recording_walk {
    const recording *recording;
    size_t at, end, packet_end;
    uint32_t left, total;
    uint8_t packet;
} recording_walk;

recording_walk recording_walk_all(const recording *r);
recording_walk recording_walk_frame(const recording *r, size_t frame);
/* The next record (frame packets count as one); false: no more. Records of unknown packets are passed over. */
bool recording_next(recording_walk *w, recording_item *item);

/* CARLA's texts, appended to out. */
void recording_describe(const recording *r, bool all, base_buffer *out);
/* Types: h hero, v vehicle, w walker, t traffic light, o other, a any. */
void recording_collisions(const recording *r, char type1, char type2, base_buffer *out);
/* Actors that moved less than min_cm within min_s. */
void recording_blocked(const recording *r, double min_s, double min_cm, base_buffer *out);
#endif
