/* A road network under construction: memory, curves, lanes and links. */
#include "tools/maps/net.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void net_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "mapgen: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

static void *zeroed(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        net_fail("out of memory");
    return p;
}

#define ROOM(count, array)                                                                                                     \
    do {                                                                                                                       \
        if ((size_t)(count) >= sizeof(array) / sizeof *(array))                                                                \
            net_fail("no room for more than %zu in " #array, sizeof(array) / sizeof *(array));                                 \
    } while (0)

net *net_create(const char *name)
{
    net *n = zeroed(sizeof *n);
    n->name = name;
    n->next_id = 1;
    return n;
}

void net_destroy(net *n)
{
    for (int i = 0; i < n->roads; i++)
        free(n->road[i]);
    for (int i = 0; i < n->junctions; i++)
        free(n->junction[i]);
    free(n);
}

net_road *net_add_road(net *n, const char *name, double x, double y, double heading)
{
    ROOM(n->roads, n->road);
    net_road *r = n->road[n->roads] = zeroed(sizeof *r);
    r->id = n->roads++;
    r->junction = -1;
    snprintf(r->name, sizeof r->name, "%s", name);
    r->x = x, r->y = y, r->heading = heading;
    return r;
}

/* CARLA's client takes a link for one to a road when there is a road of that id: junctions are numbered apart from roads. */
#define FIRST_JUNCTION_ID 1000

net_junction *net_add_junction(net *n, const char *name)
{
    ROOM(n->junctions, n->junction);
    net_junction *j = n->junction[n->junctions] = zeroed(sizeof *j);
    j->id = FIRST_JUNCTION_ID + n->junctions++;
    snprintf(j->name, sizeof j->name, "%s", name);
    return j;
}

/* ---- Curves ---- */

/* 64 Gauss-Legendre panels of 3 points: exact to rounding for every bend of these maps. */
void net_advance(const net_piece *p, double *x, double *y, double *heading)
{
    static const double at[3] = { -0.7745966692414834, 0, 0.7745966692414834 }, weight[3] = { 5.0 / 9, 8.0 / 9, 5.0 / 9 };
    double kd = p->length > 0 ? (p->k1 - p->k0) / p->length : 0, half = p->length / 128, dx = 0, dy = 0;
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 3; j++) {
            double s = half * (2 * i + 1 + at[j]), a = p->heading + p->k0 * s + kd * s * s / 2;
            dx += weight[j] * cos(a);
            dy += weight[j] * sin(a);
        }
    *x = p->x + half * dx;
    *y = p->y + half * dy;
    *heading = p->heading + (p->k0 + p->k1) / 2 * p->length;
}

void net_lay(net_road *r, double length, double k0, double k1)
{
    if (length < 1e-6)
        return;
    ROOM(r->pieces, r->piece);
    net_piece *p = &r->piece[r->pieces++];
    *p = (net_piece){ r->x, r->y, r->heading, length, k0, k1 };
    net_advance(p, &r->x, &r->y, &r->heading);
    r->length += length;
}

double net_wrap(double angle)
{
    double a = fmod(angle, 2 * NET_PI);
    return a > NET_PI ? a - 2 * NET_PI : a <= -NET_PI ? a + 2 * NET_PI : a;
}

void net_lay_to(net_road *r, double x, double y, double heading, double lead)
{
    double c = cos(r->heading), s = sin(r->heading), dx = x - r->x, dy = y - r->y;
    double along = c * dx + s * dy, aside = c * dy - s * dx, turn = net_wrap(heading - r->heading);
    if (fabs(turn) < 1e-9) {
        if (along <= 0)
            net_fail("%s: the end lies %g m behind", r->name, -along);
        if (fabs(aside) < 1e-9) {
            net_lay(r, along, 0, 0);
            return;
        }
        double radius = (along * along + aside * aside) / (4 * fabs(aside)), k = (aside > 0 ? 1 : -1) / radius;
        double half = 2 * atan2(fabs(aside), along) * radius; /* each arc turns by twice the chord's angle */
        net_lay(r, half, k, k);
        net_lay(r, half, -k, -k);
        r->heading = heading;
        return;
    }
    double before_m = (dx * sin(heading) - dy * cos(heading)) / sin(turn), after_m = aside / sin(turn);
    /* both lines meet before_m ahead of the start; after_m is what remains from there */
    double tangent = fmin(before_m, after_m) - lead;
    if (!(tangent > 0.1))
        net_fail("%s: no bend from (%g, %g) to (%g, %g): %.2f and %.2f m before and after it", r->name, r->x, r->y, x, y,
                 before_m, after_m);
    double radius = tangent / tan(fabs(turn) / 2), k = (turn > 0 ? 1 : -1) / radius;
    net_lay(r, before_m - tangent, 0, 0);
    net_lay(r, fabs(turn) * radius, k, k);
    net_lay(r, after_m - tangent, 0, 0);
}

void net_at(const net_road *r, double s, double t, double *x, double *y, double *heading)
{
    int i = 0;
    for (; i + 1 < r->pieces && s > r->piece[i].length; i++)
        s -= r->piece[i].length;
    net_piece part = r->piece[i];
    double px, py, h, share = part.length > 0 ? s / part.length : 0;
    part.length = s;
    part.k1 = part.k0 + share * (part.k1 - part.k0);
    net_advance(&part, &px, &py, &h);
    if (x)
        *x = px - t * sin(h);
    if (y)
        *y = py + t * cos(h);
    if (heading)
        *heading = h;
}

/* ---- Profiles ---- */

void net_add_cubic(net_profile *p, net_cubic c)
{
    ROOM(p->count, p->list);
    p->list[p->count++] = c;
}

double net_profile_at(const net_profile *p, double s, double *slope)
{
    const net_cubic *c = NULL;
    for (int i = 0; i < p->count && (i == 0 || p->list[i].s <= s); i++)
        c = &p->list[i];
    double u = c ? s - c->s : 0;
    if (slope)
        *slope = c ? c->b + u * (2 * c->c + 3 * c->d * u) : 0;
    return c ? c->a + u * (c->b + u * (c->c + u * c->d)) : 0;
}

net_cubic net_hermite(double s, double length, double v0, double slope0, double v1, double slope1)
{
    double rise = (v1 - v0) / length;
    return (net_cubic){ s, v0, slope0, (3 * rise - 2 * slope0 - slope1) / length,
                        (slope0 + slope1 - 2 * rise) / (length * length) };
}

void net_rise(net_road *r, double z0, double slope0, double z1, double slope1)
{
    net_add_cubic(&r->elevation, net_hermite(0, r->length, z0, slope0, z1, slope1));
}

/* ---- Lanes ---- */

net_section *net_add_section(net_road *r, double s)
{
    ROOM(r->sections, r->section);
    net_section *sec = &r->section[r->sections++];
    sec->s = s;
    return sec;
}

net_lane *net_add_lane(net_section *sec, int sign, const char *type, double width, const char *mark)
{
    int *count = sign > 0 ? &sec->lefts : &sec->rights;
    ROOM(*count, sec->left);
    net_lane *l = (sign > 0 ? sec->left : sec->right) + (*count)++;
    double mark_width = !strcmp(mark, "none") ? 0 : !strcmp(mark, "curb") ? 0.1524 : 0.12;
    *l = (net_lane){ .type = type, .width = { { 0, width, 0, 0, 0 } }, .widths = 1 };
    l->mark = (net_mark){ 0, mark, "white", mark_width, !strcmp(mark, "broken") ? "both" : "none" };
    return l;
}

void net_add_mark(net_section *sec, double s, const char *type, const char *color, double width, const char *change)
{
    ROOM(sec->marks, sec->center);
    sec->center[sec->marks++] = (net_mark){ s, type, color, width, change };
}

net_lane *net_lane_of(net_section *sec, int id)
{
    if (id == 0 || id > sec->lefts || -id > sec->rights)
        return NULL;
    return id > 0 ? &sec->left[id - 1] : &sec->right[-id - 1];
}

net_section *net_section_at(net_road *r, double s)
{
    net_section *sec = &r->section[0];
    for (int i = 1; i < r->sections && r->section[i].s <= s; i++)
        sec = &r->section[i];
    return sec;
}

double net_lane_width(const net_road *r, const net_section *sec, int id, double s)
{
    (void)r;
    const net_lane *l = net_lane_of((net_section *)sec, id);
    const net_cubic *c = &l->width[0];
    for (int i = 1; i < l->widths && sec->s + l->width[i].s <= s; i++)
        c = &l->width[i];
    double u = s - sec->s - c->s;
    return c->a + u * (c->b + u * (c->c + u * c->d));
}

double net_inner_border(const net_road *r, const net_section *sec, int id, double s)
{
    double t = 0;
    for (int k = 1; k < abs(id); k++)
        t += net_lane_width(r, sec, id > 0 ? k : -k, s);
    return id > 0 ? t : -t;
}

/* Id of the lane on side `to_sign` of b that is what lane `id` of a is: the same type, and as many of it further in. */
static int same_lane(net_section *a, int id, net_section *b, int to_sign)
{
    int sign = id > 0 ? 1 : -1, rank = 0;
    const char *type = net_lane_of(a, id)->type;
    for (int k = 1; k < abs(id); k++)
        rank += !strcmp(net_lane_of(a, sign * k)->type, type);
    for (int k = 1; net_lane_of(b, to_sign * k); k++)
        if (!strcmp(net_lane_of(b, to_sign * k)->type, type) && rank-- == 0)
            return to_sign * k;
    return 0;
}

static void link_sections(net_section *a, net_section *b)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int k = 1; net_lane_of(a, sign * k); k++)
            net_lane_of(a, sign * k)->after = same_lane(a, sign * k, b, sign);
        for (int k = 1; net_lane_of(b, sign * k); k++)
            net_lane_of(b, sign * k)->before = same_lane(b, sign * k, a, sign);
    }
}

void net_link_sections(net_road *r)
{
    for (int i = 1; i < r->sections; i++)
        link_sections(&r->section[i - 1], &r->section[i]);
}

void net_join(net_road *from, net_road *to)
{
    from->after = (net_end){ NET_ROAD, to->id, false };
    to->before = (net_end){ NET_ROAD, from->id, true };
    link_sections(&from->section[from->sections - 1], &to->section[0]);
}

/* ---- Objects and signals ---- */

int net_add_crosswalk(net *n, net_road *r, double s, double t, double heading, double half_across, double half_along)
{
    ROOM(r->objects, r->object);
    r->object[r->objects++] = (net_object){ n->next_id, "Crosswalk", "crosswalk", s, t, heading, half_across, half_along };
    return n->next_id++;
}

int net_add_sign(net *n, net_road *r, const char *name, const char *type, int value, double s, double t, bool backward,
                 int from_lane, int to_lane)
{
    ROOM(r->signals, r->signal);
    r->signal[r->signals++] = (net_signal){ .id = n->next_id,
                                            .name = name,
                                            .type = type,
                                            .value = value,
                                            .backward = backward,
                                            .s = s,
                                            .t = t,
                                            .h_offset = backward ? NET_PI : 0,
                                            .from_lane = from_lane,
                                            .to_lane = to_lane };
    return n->next_id++;
}
