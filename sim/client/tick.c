/* Ticking: the snapshot and the sensors' data of one frame. */
#include "sim/client/internal.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- ticking -------------------------------------------------------------------------------------------------------------- */

static const client_message *front(const client_stream *s) { return s->count ? &s->queue[s->first] : NULL; }

static void skip_older(client_stream *s, uint64_t frame)
{
    while (s->count && front(s)->frame < frame)
        client_stream_advance(s);
}

static bool take_snapshot(client *c, base_error *err)
{
    client_stream *s = c->streams[0];
    wire_header h;
    wire_snapshot w;
    size_t count;
    if (!wire_snapshot_read(&h, &w, &count, s->current.data.data, s->current.data.bytes, c->version, err))
        return client_broken(c, err);
    c->snapshot = (client_snapshot){ h.frame, h.timestamp,          w.delta_seconds,   w.episode_id,
                                     count,   w.platform_timestamp, w.simulation_state };
    if (w.simulation_state & (WIRE_STATE_MAP_CHANGE | WIRE_STATE_LIGHT_UPDATE))
        c->street_lights_known = false;
    client_lanes_step(c);
    return true;
}

/* Sensors that are not waited for: images show the newest up to `frame`, events stay in their queue until taken. */
static void advance_unawaited(client *c, uint64_t frame)
{
    for (size_t i = 1; i < c->stream_count; i++) {
        client_stream *s = c->streams[i];
        bool event = client_sensor_is_event(s->kind);
        while (!s->awaited && !event && s->count && front(s)->frame <= frame)
            client_stream_advance(s);
    }
}

/* 1: every awaited stream has `frame` in front; 0: not yet; -1: one has gone past it. */
static int frame_complete(client *c, uint64_t frame, base_error *err)
{
    int complete = 1;
    for (size_t i = 0; i < c->stream_count; i++) {
        client_stream *s = c->streams[i];
        if (!s->awaited)
            continue;
        skip_older(s, frame);
        if (!s->count)
            complete = 0;
        else if (front(s)->frame > frame) {
            base_fail(err, BASE_FORMAT, "tick %llu: %s: its data of this frame is missing, frame %llu came instead",
                      (unsigned long long)frame, s->name, (unsigned long long)front(s)->frame);
            return -1;
        }
    }
    return complete;
}

static bool missing_after_timeout(client *c, uint64_t frame, base_error *err)
{
    char list[512] = "";
    for (size_t i = 0; i < c->stream_count; i++)
        if (c->streams[i]->awaited && !c->streams[i]->count) {
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s%s", n ? ", " : "", c->streams[i]->name,
                     c->streams[i]->reconnects ? ", whose stream the server has closed" : "");
        }
    return base_fail(err, BASE_TIMEOUT, "%s:%d: tick %llu: no data within %g s from %s", c->host, c->options.port,
                     (unsigned long long)frame, c->options.call_timeout_s, list);
}

bool client_tick(client *c, base_error *err)
{
    uint64_t frame;
    if (!c->settings.synchronous_mode)
        return base_fail(err, BASE_ARGUMENT,
                         "client_tick in asynchronous mode: use client_wait_for_tick, or client_synchronous first");
    if (c->unsettled && !client_stream_settle(c, err))
        return false;
    if (!client_call(c, WIRE_METHOD_tick_cue, NULL, &frame, NULL, err))
        return false;
    double deadline = base_clock_s() + c->options.call_timeout_s;
    base_error why = { 0 };
    int complete;
    while ((complete = frame_complete(c, frame, err)) == 0)
        if (!client_wait(c, deadline, &why)) {
            if (why.code == BASE_TIMEOUT)
                return missing_after_timeout(c, frame, err);
            if (err)
                *err = why;
            return false;
        }
    if (complete < 0 || !client_pump(c, 0, false, err)) /* events of this frame that are here already */
        return false;
    for (size_t i = 0; i < c->stream_count; i++)
        if (c->streams[i]->awaited)
            client_stream_advance(c->streams[i]);
    advance_unawaited(c, frame);
    return take_snapshot(c, err);
}

bool client_wait_for_tick(client *c, base_error *err) { return client_wait_for_tick_within(c, c->options.call_timeout_s, err); }

bool client_wait_for_tick_within(client *c, double timeout_s, base_error *err)
{
    client_stream *s = c->streams[0];
    base_error why = { 0 };
    double deadline = base_clock_s() + timeout_s;
    bool ok = client_pump(c, 0, false, &why);
    while (ok && !s->count)
        ok = client_wait(c, deadline, &why);
    if (!ok) {
        if (why.code == BASE_TIMEOUT)
            base_fail(&why, BASE_TIMEOUT, "%s:%d: no snapshot within %g s%s", c->host, c->options.port, timeout_s,
                      c->settings.synchronous_mode ? " (the server is in synchronous mode: use client_tick)" : "");
        if (err)
            *err = why;
        return false;
    }
    while (c->lane_count && s->count > 1) { /* the lane-invasion sensor wants to see them all */
        client_stream_advance(s);
        if (!take_snapshot(c, err))
            return false;
    }
    for (size_t i = 0; i < c->stream_count; i++) {
        bool event = client_sensor_is_event(c->streams[i]->kind);
        while (c->streams[i]->count && !event) /* the newest of each */
            client_stream_advance(c->streams[i]);
    }
    return take_snapshot(c, err);
}

/* --- the snapshot --------------------------------------------------------------------------------------------------------- */

client_snapshot client_snapshot_get(const client *c) { return c->snapshot; }

static const uint8_t *snapshot_bytes(const client *c) { return c->streams[0]->current.data.data; }

wire_actor_id client_snapshot_actor(const client *c, size_t i) { return wire_snapshot_actor_id(snapshot_bytes(c), i); }

static bool find_state(const client *c, wire_actor_id id, wire_actor_state *a)
{
    for (size_t i = 0; i < c->snapshot.actor_count; i++)
        if (wire_snapshot_actor_id(snapshot_bytes(c), i) == id) {
            wire_snapshot_actor(a, snapshot_bytes(c), i);
            return true;
        }
    return false;
}

bool client_state_get(const client *c, wire_actor_id id, client_state *s)
{
    wire_actor_state a;
    if (!find_state(c, id, &a))
        return false;
    *s = (client_state){ (wire_actor_life)a.life, wire_transform_to_pose(a.transform), wire_vector3_to_vec3(a.velocity),
                         wire_vector3_to_vec3(a.angular_velocity), wire_vector3_to_vec3(a.acceleration) };
    return true;
}

bool client_vehicle_get(const client *c, wire_actor_id id, wire_vehicle_state *s)
{
    wire_actor_state a;
    if (!find_state(c, id, &a))
        return false;
    wire_vehicle_state_read(s, &a, c->version);
    return true;
}

bool client_traffic_light_get(const client *c, wire_actor_id id, wire_light_state *s)
{
    wire_actor_state a;
    if (!find_state(c, id, &a))
        return false;
    wire_light_state_read(s, &a);
    return true;
}

bool client_sign_get(const client *c, wire_actor_id id, wire_sign_state *s)
{
    wire_actor_state a;
    if (!find_state(c, id, &a))
        return false;
    wire_sign_state_read(s, &a);
    return true;
}

bool client_walker_get(const client *c, wire_actor_id id, wire_walker_control *s)
{
    wire_actor_state a;
    if (!find_state(c, id, &a))
        return false;
    wire_walker_state_read(s, &a);
    return true;
}
