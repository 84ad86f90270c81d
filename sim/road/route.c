/* Routes: the shortest way through key waypoints by Dijkstra over lane sections, or a seeded walk; then dense points. */
#include "sim/road/road_map.h"
#include "base/random.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHANGE_COST_M   5.0  /* a lane change costs this much extra */
#define CHANGE_LENGTH_M 25.0 /* the sideways move is spread over at most this length */
#define STRAIGHT_DEG    35.0 /* CARLA's limit between straight and turn in a junction */
#define POINTS_MAX      (1 << 21)
#define DRAW_STEPS_MAX  (1 << 22) /* sub-steps of one route: 400 km in sub-steps of 0.1 m */
#define DRAW_STEP_M     0.1

/* A stretch of one lane, from s to s in travel direction. */
typedef struct stretch {
    int lane;
    double from, to;
    bool change; /* entered by a lane change */
} stretch;
typedef struct plan {
    ROAD_ARRAY(stretch) list;
} plan;

static double lane_entry(const road_map *m, int lane)
{
    const road_lane *l = &m->lanes.items[lane];
    return road_lane_forward(l) ? m->sections.items[l->section].s0 : m->sections.items[l->section].s1;
}
static double lane_exit(const road_map *m, int lane)
{
    const road_lane *l = &m->lanes.items[lane];
    return road_lane_forward(l) ? m->sections.items[l->section].s1 : m->sections.items[l->section].s0;
}
/* How far `to` lies ahead of `from` along travel. */
static double ahead(const road_map *m, int lane, double from, double to)
{
    return road_lane_forward(&m->lanes.items[lane]) ? to - from : from - to;
}

/* ---- Dijkstra ---- */

/* Node 2 * lane: entered at the lane's start. Node 2 * lane + 1: entered within the section where the leg begins. */
typedef struct node_state {
    double cost, entry;
    int from;
    bool change, settled;
    double left_at;
} node_state;
typedef struct heap_item {
    double cost;
    int node;
} heap_item;
typedef struct search {
    const road_map *m;
    node_state *nodes;
    struct {
        heap_item *items;
        int count, capacity;
    } heap;
    bool failed;
} search;

static void heap_push(search *q, double cost, int node)
{
    heap_item *slot = ROAD_PUSH_MOST(q->heap, 1 << 26);
    if (!slot) {
        q->failed = true;
        return;
    }
    int i = q->heap.count - 1;
    while (i > 0 && q->heap.items[(i - 1) / 2].cost > cost) {
        q->heap.items[i] = q->heap.items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap.items[i] = (heap_item){ cost, node };
}

static heap_item heap_pop(search *q)
{
    heap_item *h = q->heap.items, top = h[0], last = h[--q->heap.count];
    int n = q->heap.count, i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && h[child + 1].cost < h[child].cost)
            child++;
        if (h[child].cost >= last.cost)
            break;
        h[i] = h[child];
        i = child;
    }
    if (n > 0)
        h[i] = last;
    return top;
}

static void relax(search *q, int node, int from, double cost, double entry, bool change, double left_at)
{
    node_state *s = &q->nodes[node];
    if (s->settled || cost >= s->cost)
        return;
    *s = (node_state){ cost, entry, from, change, false, left_at };
    heap_push(q, cost, node);
}

/* First s at or after `from` (in travel direction) where the marks allow a change to that side; NAN if none. */
static double change_place(const road_map *m, int lane, double from, int side)
{
    double end = lane_exit(m, lane);
    for (int i = 0; i < 8; i++) { /* marks rarely change within a section: eight places find them */
        double s = from + (end - from) * i / 8;
        road_waypoint w = road_lane_waypoint(m, lane, s);
        if ((road_waypoint_lane_change(m, &w) & side) && fabs(end - s) > 1)
            return s;
    }
    return NAN;
}

static void expand(search *q, int node)
{
    const road_map *m = q->m;
    int lane = node / 2;
    const road_lane *l = &m->lanes.items[lane];
    const road_section *sec = &m->sections.items[l->section];
    double entry = q->nodes[node].entry, cost = q->nodes[node].cost;
    for (int i = 0; i < l->next_count; i++) {
        int to = m->links.items[l->first_next + i];
        if (m->lanes.items[to].type == ROAD_LANE_DRIVING)
            relax(q, 2 * to, node, cost + fmax(ahead(m, lane, entry, lane_exit(m, lane)), 0), lane_entry(m, to), false,
                  lane_exit(m, lane));
    }
    if (m->roads.items[sec->road].junction >= 0)
        return;
    for (int side = -1; side <= 1; side += 2) {
        int id = l->id + side;
        if (id == 0 || id < sec->low || id > sec->high || m->lanes.items[lane + side].type != ROAD_LANE_DRIVING)
            continue;
        bool right = (side < 0) == road_lane_forward(l);
        double s = change_place(m, lane, entry, right ? ROAD_CHANGE_RIGHT : ROAD_CHANGE_LEFT);
        if (isfinite(s))
            relax(q, 2 * (lane + side) + (node & 1), node, cost + CHANGE_COST_M + 1e-6, s, true, s);
    }
}

static bool add_stretch(plan *p, stretch s)
{
    stretch *slot = ROAD_PUSH(p->list);
    if (slot)
        *slot = s;
    return slot != NULL;
}

/* Append the stretches of the way from (start lane, s) to (goal lane, s); false without a way or memory. */
static bool search_leg(const road_map *m, int start, double start_s, int goal, double goal_s, plan *out, bool *memory)
{
    int count = 2 * m->lanes.count, found = -1;
    search q = { .m = m, .nodes = malloc(sizeof *q.nodes * (size_t)count) };
    int *chain = malloc(sizeof *chain * ((size_t)count + 2));
    bool ok = false, loop = start == goal && ahead(m, start, start_s, goal_s) <= 1e-6;
    *memory = q.nodes && chain;
    if (!*memory)
        goto done;
    for (int i = 0; i < count; i++)
        q.nodes[i] = (node_state){ INFINITY, 0, -1, false, false, 0 };
    relax(&q, 2 * start + 1, -1, 0, start_s, false, 0);
    while (q.heap.count > 0 && !q.failed) {
        heap_item top = heap_pop(&q);
        node_state *s = &q.nodes[top.node];
        if (s->settled)
            continue;
        s->settled = true;
        bool first = top.node == 2 * start + 1;
        if (top.node / 2 == goal && !(first && loop) && ahead(m, goal, s->entry, goal_s) >= -1e-9) {
            found = top.node;
            break;
        }
        expand(&q, top.node);
    }
    *memory = !q.failed;
    if (found < 0 || q.failed)
        goto done;
    int n = 0;
    for (int node = found; node >= 0; node = q.nodes[node].from)
        chain[n++] = node;
    ok = true;
    for (int i = n - 1; i >= 0 && ok; i--) {
        const node_state *s = &q.nodes[chain[i]];
        ok = add_stretch(out, (stretch){ chain[i] / 2, s->entry, i ? q.nodes[chain[i - 1]].left_at : goal_s, s->change });
    }
    *memory = ok;
done:
    free(q.nodes);
    free(q.heap.items);
    free(chain);
    return ok;
}

/* ---- Dense points ---- */

typedef struct pen {
    const road_map *m;
    double step, carry; /* carry: metres since the last point */
    struct {
        road_route_point *items;
        int count, capacity;
    } points;
    struct {
        int *items;
        int count, capacity;
    } changes; /* index of the first point after each lane change */
    int steps;
    bool failed;
} pen;

static void put_point(pen *p, int lane, double s)
{
    const road_map *m = p->m;
    road_route_point *q = ROAD_PUSH_MOST(p->points, POINTS_MAX);
    if (!q) {
        p->failed = true;
        return;
    }
    road_waypoint w = road_lane_waypoint(m, lane, s);
    base_pose at = road_waypoint_pose(m, &w);
    *q = (road_route_point){ .x = at.location.x,
                             .y = at.location.y,
                             .z = at.location.z,
                             .yaw_deg = at.rotation.yaw_deg,
                             .curvature_per_m = road_waypoint_curvature(m, &w),
                             .lane_width_m = road_waypoint_width(m, &w),
                             .speed_limit_mps = road_waypoint_speed_limit(m, &w),
                             .waypoint = w,
                             .junction = road_waypoint_junction(m, &w),
                             .option = ROAD_OPTION_LANE_FOLLOW };
}

/* Walk one stretch, a point each `step` metres of lane centre (not of reference line). */
static void draw_stretch(pen *p, stretch t, bool last)
{
    const road_lane *l = &p->m->lanes.items[t.lane];
    double s = t.from, sign = road_lane_forward(l) ? 1 : -1;
    if (p->points.count == 0) {
        put_point(p, t.lane, s);
        p->carry = 0;
    }
    while (!p->failed) {
        /* short sub-steps: where the curvature jumps, the centre's metres per s jump too */
        double want = fmin(p->step - p->carry, fmax(DRAW_STEP_M, p->step / 10)), left = sign * (t.to - s);
        double rate = fmax(base_vec3_length(road_lane_center(p->m, l, s + sign * fmin(want, left) / 2).along), 1e-3);
        if (p->steps++ == DRAW_STEPS_MAX)
            p->failed = true;
        if (left * rate <= want) {
            p->carry += fmax(left, 0) * rate;
            break;
        }
        s += sign * want / rate;
        p->carry += want;
        if (p->carry >= p->step - 1e-9) {
            put_point(p, t.lane, s);
            p->carry = 0;
        }
    }
    if (last && p->carry > 1e-6)
        put_point(p, t.lane, t.to);
}

static double point_gap(const road_route_point *a, const road_route_point *b)
{
    return sqrt((a->x - b->x) * (a->x - b->x) + (a->y - b->y) * (a->y - b->y) + (a->z - b->z) * (a->z - b->z));
}

/* Length of the arc over a chord, for arcs of the mean curvature. */
static double arc_over(const road_route_point *a, const road_route_point *b)
{
    double chord = point_gap(a, b), k = (a->curvature_per_m + b->curvature_per_m) / 2, h = k * chord / 2;
    return fabs(h) < 0.5 ? chord * (1 + h * h / 6) : chord;
}

/* Spread each sideways jump over the metres that follow it, then take yaw from the moved points. */
static void blend_change(pen *p, int at, int until)
{
    road_route_point *q = p->points.items;
    if (at < 1 || at >= p->points.count)
        return;
    double yaw = BASE_RAD(q[at].yaw_deg), right_x = -sin(yaw), right_y = cos(yaw);
    double jump = (q[at - 1].x - q[at].x) * right_x + (q[at - 1].y - q[at].y) * right_y, s = 0;
    double length = 0;
    for (int i = at; i + 1 < until; i++)
        length += point_gap(&q[i], &q[i + 1]);
    length = fmin(length, CHANGE_LENGTH_M);
    double *moved = length > 1e-3 ? calloc((size_t)(until - at), sizeof *moved) : NULL;
    if (!moved)
        return;
    for (int i = at; i < until; i++) {
        double u = fmin(s / length, 1);
        moved[i - at] = jump * (1 - u * u * (3 - 2 * u));
        if (i + 1 < until)
            s += point_gap(&q[i], &q[i + 1]);
        if (u < 1)
            q[i].option = jump < 0 ? ROAD_OPTION_CHANGE_RIGHT : ROAD_OPTION_CHANGE_LEFT;
    }
    for (int i = at; i < until; i++) {
        double a = BASE_RAD(q[i].yaw_deg);
        q[i].x += -sin(a) * moved[i - at];
        q[i].y += cos(a) * moved[i - at];
    }
    for (int i = at; i + 1 < until && moved[i - at] != 0; i++)
        q[i].yaw_deg = BASE_DEG(atan2(q[i + 1].y - q[i].y, q[i + 1].x - q[i].x));
    free(moved);
}

/* Turn commands: within a junction the whole run gets the command of its heading change. */
static void mark_turns(road_route_point *q, int count)
{
    for (int i = 0; i < count; i++) {
        if (q[i].junction < 0)
            continue;
        int end = i;
        while (end + 1 < count && q[end + 1].junction == q[i].junction)
            end++;
        double turn = base_wrap_deg(q[end].yaw_deg - q[i].yaw_deg);
        road_option o = fabs(turn) < STRAIGHT_DEG ? ROAD_OPTION_STRAIGHT : turn > 0 ? ROAD_OPTION_RIGHT : ROAD_OPTION_LEFT;
        for (; i <= end; i++)
            q[i].option = o;
        i = end;
    }
}

static bool draw(const road_map *m, const plan *way, double step, road_route *out, base_error *err)
{
    pen p = { .m = m, .step = step };
    for (int i = 0; i < way->list.count; i++) {
        stretch t = way->list.items[i];
        if (t.change) {
            int *at = ROAD_PUSH(p.changes);
            if (!at)
                p.failed = true;
            else
                *at = p.points.count;
        }
        draw_stretch(&p, t, i + 1 == way->list.count);
    }
    for (int i = 0; i < p.changes.count && !p.failed; i++)
        blend_change(&p, p.changes.items[i], i + 1 < p.changes.count ? p.changes.items[i + 1] : p.points.count);
    free(p.changes.items);
    if (p.failed || p.points.count < 2) {
        free(p.points.items);
        return p.failed
                   ? base_fail(err, BASE_MEMORY, "route: too long (more than %d points or %d sub-steps), or no memory for it",
                               POINTS_MAX, DRAW_STEPS_MAX)
                   : base_fail(err, BASE_ARGUMENT, "route: no length");
    }
    mark_turns(p.points.items, p.points.count);
    for (int i = 1; i < p.points.count; i++)
        p.points.items[i].s_m = p.points.items[i - 1].s_m + arc_over(&p.points.items[i - 1], &p.points.items[i]);
    *out = (road_route){ p.points.items, (size_t)p.points.count, p.points.items[p.points.count - 1].s_m };
    return true;
}

static bool check_step(double step_m, base_error *err)
{
    return (step_m >= 0.01 && step_m <= 100) || base_fail(err, BASE_ARGUMENT, "route: step %g m, expected 0.01 to 100", step_m);
}

bool road_route_find(const road_map *m, const road_waypoint *keys, size_t key_count, double step_m, road_route *out,
                     base_error *err)
{
    plan way = { { 0 } };
    bool ok = key_count >= 2 || base_fail(err, BASE_ARGUMENT, "route: %zu waypoints, expected at least 2", key_count);
    ok = ok && check_step(step_m, err);
    for (size_t i = 0; ok && i + 1 < key_count; i++) {
        const road_waypoint *a = &keys[i], *b = &keys[i + 1];
        bool memory;
        int from = road_lane_index(m, a->road, a->section, a->lane), to = road_lane_index(m, b->road, b->section, b->lane);
        ok = search_leg(m, from, a->s, to, b->s, &way, &memory);
        if (!ok && memory)
            base_fail(err, BASE_ARGUMENT, "route: no way from road %u lane %d s %.1f to road %u lane %d s %.1f", a->road_id,
                      a->lane, a->s, b->road_id, b->lane, b->s);
        else if (!ok)
            base_fail(err, BASE_MEMORY, "route: no memory");
    }
    ok = ok && draw(m, &way, step_m, out, err);
    free(way.list.items);
    return ok;
}

bool road_route_follow(const road_map *m, const road_waypoint *start, double length_m, double step_m, uint64_t seed,
                       road_route *out, base_error *err)
{
    plan way = { { 0 } };
    bool ok = check_step(step_m, err);
    if (ok && !(length_m > 0 && length_m / step_m < POINTS_MAX))
        ok = base_fail(err, BASE_ARGUMENT, "route: length %g m, expected more than 0 and less than %d steps", length_m,
                       POINTS_MAX);
    int lane = road_lane_index(m, start->road, start->section, start->lane);
    double s = start->s, left = length_m;
    uint64_t forks = 0;
    for (int visits = 0; ok && visits < POINTS_MAX; visits++) {
        const road_lane *l = &m->lanes.items[lane];
        double sign = road_lane_forward(l) ? 1 : -1, room = ahead(m, lane, s, lane_exit(m, lane));
        int pieces = (int)fmin(ceil(room / 5) + 1, 10000);
        double piece = room / pieces, stop = lane_exit(m, lane);
        bool here = false;
        for (int i = 0; i < pieces && !here;
             i++) { /* along the lane's centre, which is longer or shorter than the reference line */
            double metres = piece * base_vec3_length(road_lane_center(m, l, s + sign * piece * (i + 0.5)).along);
            here = metres >= left;
            if (here)
                stop = s + sign * piece * (i + left / metres);
            left -= metres;
        }
        ok = add_stretch(&way, (stretch){ lane, s, stop, false }) || base_fail(err, BASE_MEMORY, "route: no memory");
        if (here || l->next_count == 0)
            break;
        uint32_t choice = 0;
        if (l->next_count > 1) {
            base_random r = base_random_start(seed, "route fork", forks++, 0);
            choice = base_random_below(&r, (uint32_t)l->next_count);
        }
        lane = m->links.items[l->first_next + (int)choice];
        s = lane_entry(m, lane);
    }
    ok = ok && draw(m, &way, step_m, out, err);
    free(way.list.items);
    return ok;
}

void road_route_free(road_route *route)
{
    free(route->points);
    *route = (road_route){ 0 };
}

/* ---- Places along a route ---- */

static size_t point_before(const road_route *r, double s)
{
    size_t lo = 0, hi = r->count - 1;
    while (hi - lo > 1) {
        size_t middle = (lo + hi) / 2;
        if (r->points[middle].s_m <= s)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

road_route_place road_route_locate(const road_route *r, base_vec3 at, double from_s_m, double to_s_m)
{
    assert(r->count >= 2);
    size_t first = point_before(r, fmax(from_s_m, 0)), last = point_before(r, fmin(to_s_m, r->length_m));
    double best = INFINITY, best_u = 0;
    size_t index = first;
    for (size_t i = first; i <= last; i++) {
        const road_route_point *a = &r->points[i], *b = a + 1;
        double dx = b->x - a->x, dy = b->y - a->y, dz = b->z - a->z, dd = dx * dx + dy * dy + dz * dz;
        double u = dd > 0 ? ((at.x - a->x) * dx + (at.y - a->y) * dy + (at.z - a->z) * dz) / dd : 0;
        u = fmin(fmax(u, 0), 1);
        double ex = at.x - a->x - u * dx, ey = at.y - a->y - u * dy, ez = at.z - a->z - u * dz,
               d2 = ex * ex + ey * ey + ez * ez;
        if (d2 < best)
            best = d2, best_u = u, index = i;
    }
    road_route_place p = { .index = index };
    p.s_m = r->points[index].s_m + best_u * (r->points[index + 1].s_m - r->points[index].s_m);
    road_route_point q = road_route_at(r, p.s_m);
    double yaw = BASE_RAD(q.yaw_deg);
    p.lateral_m = -sin(yaw) * (at.x - q.x) + cos(yaw) * (at.y - q.y);
    p.yaw_deg = q.yaw_deg;
    p.curvature_per_m = q.curvature_per_m;
    return p;
}

/* Cubic Hermite between the two points, from their yaws: on an arc it stays within (step/R)^4 R / 384 of the curve. */
road_route_point road_route_at(const road_route *r, double s_m)
{
    assert(r->count >= 2);
    double s = fmin(fmax(s_m, 0), r->length_m);
    size_t i = point_before(r, s);
    const road_route_point *a = &r->points[i], *b = a + 1;
    double h = b->s_m - a->s_m, u = h > 0 ? (s - a->s_m) / h : 0, u2 = u * u, u3 = u2 * u;
    double ya = BASE_RAD(a->yaw_deg), yb = BASE_RAD(b->yaw_deg);
    double p0 = 2 * u3 - 3 * u2 + 1, p1 = u3 - 2 * u2 + u, p2 = 1 - p0, p3 = u3 - u2;
    road_route_point q = *a;
    q.x = p0 * a->x + p1 * h * cos(ya) + p2 * b->x + p3 * h * cos(yb);
    q.y = p0 * a->y + p1 * h * sin(ya) + p2 * b->y + p3 * h * sin(yb);
    q.z = a->z + u * (b->z - a->z);
    q.yaw_deg = base_wrap_deg(a->yaw_deg + u * base_wrap_deg(b->yaw_deg - a->yaw_deg));
    q.s_m = s;
    q.curvature_per_m = a->curvature_per_m + u * (b->curvature_per_m - a->curvature_per_m);
    q.lane_width_m = a->lane_width_m + u * (b->lane_width_m - a->lane_width_m);
    return q;
}
