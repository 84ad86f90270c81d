/* tests/support/scripted_peer.h — a server that breaks where a test tells it to: wrong version, no answer, half an answer, rubbish, a
 * sensor that skips a frame or carries an old pose. A thread that speaks through the wire room, as CARLA 0.9.16, with one car (actor 10)
 * and two cameras (20 colour, 21 depth). It ticks only when it is told to. */
#ifndef TESTS_SUPPORT_SCRIPTED_PEER_H
#define TESTS_SUPPORT_SCRIPTED_PEER_H
#include "sim/wire/wire.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct peer {
    /* the script */
    const char *version;
    const char *silent_on;  /* function that is never answered */
    const char *half_on;    /* function whose answer is cut in half, then the connection closes */
    const char *rubbish_on; /* function that is answered with bytes that are no message */
    const char *bomb_on;    /* function that is answered with an array of 2^28 elements */
    const char *refuse_on;  /* function that answers an error */
    double slow_s;          /* every sensor message comes this late */
    int skip_frame;         /* the camera leaves out this many ticks after the first */
    bool bad_length;        /* the camera announces more bytes than the client accepts */
    int ahead;              /* the camera's frames are numbered this much too high */
    bool late_answers;      /* an answer to an old id comes before every answer */
    bool left_synchronous;  /* the settings it starts with */
    double car_mps;         /* the car drives along x */
    int pose_lag;           /* images carry the camera's pose of this many frames before */
    bool close_streams;     /* every stream is closed after each message */
    /* what happened */
    atomic_int destroyed, spawned, settings_calls, joins;
    atomic_bool synchronous, stop;
    int rpc_port, rpc_listen, stream_listen, stream_port;
    pthread_t thread;
    uint64_t frame;
    wire_transform mount[2]; /* of the cameras, from their spawning */
} peer;

enum { PEER_IMAGE_W = 8, PEER_IMAGE_H = 4 };

/* A socket that listens on a free loopback port. */
int peer_listen_any(int *port);
void peer_start(peer *p);
void peer_stop(peer *p);
#endif
