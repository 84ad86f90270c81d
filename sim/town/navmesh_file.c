/* The navigation mesh as a file: CARLA's set of tiles around one tile of Detour, all numbers little-endian.
 *
 *     set header   "MSET" as an int, version 1, number of tiles 1, Detour's grid: origin, tile size, most tiles, most polygons
 *     tile header  reference of the tile, bytes that follow
 *     tile         header (magic "DNAV", version 7), corners, polygons, links (room only), details, their triangles, box tree
 *
 * Detour's y is up and its z is CARLA's y. One tile holds the whole map, so polygons know each other by index and no edges
 * between tiles have to be matched. Sources: Detour's DetourNavMesh.h (zlib licence) for the layout, CARLA's Navigation.cpp for the
 * set and for areas and flags. */
#include "sim/town/navmesh.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAGIC    ('M' << 24 | 'S' << 16 | 'E' << 8 | 'T')
#define TILE_MAGIC   ('D' << 24 | 'N' << 16 | 'A' << 8 | 'V')
#define POLYGON_BITS 14 /* 2^14 >= NAV_POLYGONS_MAX */
_Static_assert(NAV_POLYGONS_MAX <= 1 << POLYGON_BITS, "every polygon has a reference");
_Static_assert(NAV_POLYGONS_MAX * 4 < 65535, "every corner has a 16-bit number"); /* welded, few have more than four */

typedef struct set_header {
    int32_t magic, version, tiles;
    float origin[3], tile_width, tile_height;
    int32_t tiles_max, polygons_max;
} set_header;
typedef struct tile_lead {
    uint32_t reference;
    int32_t bytes;
} tile_lead;
typedef struct tile_header {
    int32_t magic, version, x, y, layer;
    uint32_t user;
    int32_t polygons, corners, links, details, detail_corners, triangles, nodes, jumps, first_jump;
    float height, radius, climb, low[3], high[3], nodes_per_metre;
} tile_header;
typedef struct tile_polygon {
    uint32_t first_link;
    uint16_t corners[6], beyond[6], flags; /* beyond: index + 1; 0: none */
    uint8_t count, area;
} tile_polygon;
typedef struct tile_detail {
    uint32_t first_corner, first_triangle;
    uint8_t corners, triangles, unused[2];
} tile_detail;
typedef struct tile_node {
    uint16_t low[3], high[3];
    int32_t index; /* of the polygon; negative: how far to the next node that is not below this one */
} tile_node;
#define LINK_BYTES 12
_Static_assert(sizeof(set_header) == 40 && sizeof(tile_lead) == 8 && sizeof(tile_header) == 100 && sizeof(tile_polygon) == 32 &&
                   sizeof(tile_detail) == 12 && sizeof(tile_node) == 16,
               "Detour's layout");

/* ---- corners, each once ---- */

typedef struct weld {
    float (*points)[3]; /* Detour's axes */
    int *table;         /* open addressing, -1: free */
    int count, capacity;
    size_t mask;
} weld;

static bool weld_create(weld *w, int corners)
{
    size_t size = 16;
    while (size < 2 * (size_t)corners)
        size *= 2;
    *w = (weld){ malloc(((size_t)corners + 1) * sizeof *w->points), malloc(size * sizeof *w->table), 0, corners, size - 1 };
    for (size_t i = 0; w->table && i < size; i++)
        w->table[i] = -1;
    return w->points && w->table;
}

static int weld_find(weld *w, base_vec3 p)
{
    /* centimetres: what is nearer is one corner */
    float at[3] = { (float)(round(p.x * 100) / 100), (float)(round(p.z * 100) / 100), (float)(round(p.y * 100) / 100) };
    uint32_t bits[3];
    for (int k = 0; k < 3; k++)
        at[k] += 0.0f; /* -0 is 0 */
    memcpy(bits, at, sizeof bits);
    size_t slot = (bits[0] * 0x9e3779b1u ^ bits[1] * 0x85ebca6bu ^ bits[2] * 0xc2b2ae35u) & w->mask;
    for (; w->table[slot] >= 0; slot = (slot + 1) & w->mask)
        if (!memcmp(w->points[w->table[slot]], at, sizeof at))
            return w->table[slot];
    memcpy(w->points[w->count], at, sizeof at);
    return w->table[slot] = w->count++;
}

/* ---- the tree of boxes ---- */

typedef struct tree {
    tile_node *items; /* leaves, sorted in place */
    tile_node *nodes;
    int count;
} tree;

static int compare_x(const void *a, const void *b) { return ((const tile_node *)a)->low[0] - ((const tile_node *)b)->low[0]; }
static int compare_y(const void *a, const void *b) { return ((const tile_node *)a)->low[1] - ((const tile_node *)b)->low[1]; }
static int compare_z(const void *a, const void *b) { return ((const tile_node *)a)->low[2] - ((const tile_node *)b)->low[2]; }

/* Halves along the longest side, so the depth is the logarithm of the number. */
static void split(tree *t, int first, int last)
{
    tile_node *node = &t->nodes[t->count];
    int here = t->count++;
    *node = t->items[first];
    if (last - first == 1)
        return;
    for (int i = first + 1; i < last; i++)
        for (int k = 0; k < 3; k++) {
            if (t->items[i].low[k] < node->low[k])
                node->low[k] = t->items[i].low[k];
            if (t->items[i].high[k] > node->high[k])
                node->high[k] = t->items[i].high[k];
        }
    int (*const compare[3])(const void *, const void *) = { compare_x, compare_y, compare_z };
    int axis = 0;
    for (int k = 1; k < 3; k++)
        if (node->high[k] - node->low[k] > node->high[axis] - node->low[axis])
            axis = k;
    qsort(t->items + first, (size_t)(last - first), sizeof *t->items, compare[axis]);
    int middle = first + (last - first) / 2;
    split(t, first, middle);
    split(t, middle, last);
    node->index = here - t->count;
}

static bool build_tree(tree *t, const tile_header *h, const tile_polygon *polygons, const weld *w)
{
    *t = (tree){ calloc((size_t)h->polygons + 1, sizeof *t->items), calloc(2 * (size_t)h->polygons + 1, sizeof *t->nodes), 0 };
    if (!t->items || !t->nodes)
        return false;
    for (int i = 0; i < h->polygons; i++) {
        tile_node *n = &t->items[i];
        n->index = i;
        for (int k = 0; k < 3; k++) {
            float low = INFINITY, high = -INFINITY;
            for (int c = 0; c < polygons[i].count; c++) {
                float at = w->points[polygons[i].corners[c]][k];
                low = fminf(low, at);
                high = fmaxf(high, at);
            }
            n->low[k] = (uint16_t)fminf(65534, (low - h->low[k]) * h->nodes_per_metre);
            n->high[k] = (uint16_t)fminf(65535, (high - h->low[k]) * h->nodes_per_metre + 1);
        }
    }
    if (h->polygons > 0)
        split(t, 0, h->polygons);
    return true;
}

/* ---- the tile ---- */

static uint16_t flag_of(nav_area area) { return (uint16_t)(1 << area); } /* sidewalk 2, crosswalk 4, road 8, grass 16 */

static void fill_polygon(tile_polygon *out, const nav_polygon *p, weld *w)
{
    memset(out, 0, sizeof *out);
    out->flags = flag_of(p->area);
    out->area = (uint8_t)p->area;
    for (int k = 0; k < p->count; k++) {
        uint16_t corner = (uint16_t)weld_find(w, p->corner[k]);
        out->corners[out->count] = corner;
        out->beyond[out->count++] = (uint16_t)(p->beyond[k] + 1);
    }
}

static void append_details(base_buffer *file, const tile_polygon *polygons, int count)
{
    uint32_t triangles = 0;
    for (int i = 0; i < count; i++) {
        tile_detail d = { 0, triangles, 0, (uint8_t)(polygons[i].count - 2), { 0, 0 } };
        base_buffer_append(file, &d, sizeof d);
        triangles += d.triangles;
    }
    for (int i = 0; i < count; i++) /* a fan; the fourth byte marks edges of the polygon */
        for (int k = 2; k < polygons[i].count; k++) {
            uint8_t t[4] = { 0, (uint8_t)(k - 1), (uint8_t)k, 1 << 2 };
            t[3] |= (uint8_t)((k == 2 ? 1 : 0) | (k == polygons[i].count - 1 ? 1 << 4 : 0));
            base_buffer_append(file, t, sizeof t);
        }
}

static void append_tile(base_buffer *file, const tile_header *h, const tile_polygon *polygons, const weld *w, const tree *t)
{
    static const uint8_t room[LINK_BYTES];
    tile_lead lead = { .reference = 1u << POLYGON_BITS }; /* the first salt, tile 0 */
    lead.bytes =
        (int32_t)(sizeof *h + (size_t)h->corners * 12 + (size_t)h->polygons * sizeof *polygons + (size_t)h->links * LINK_BYTES +
                  (size_t)h->details * sizeof(tile_detail) + (size_t)h->triangles * 4 + (size_t)h->nodes * sizeof(tile_node));
    base_buffer_append(file, &lead, sizeof lead);
    base_buffer_append(file, h, sizeof *h);
    base_buffer_append(file, w->points, (size_t)h->corners * 12);
    base_buffer_append(file, polygons, (size_t)h->polygons * sizeof *polygons);
    for (int i = 0; i < h->links; i++)
        base_buffer_append(file, room, sizeof room);
    append_details(file, polygons, h->polygons);
    base_buffer_append(file, t->nodes, (size_t)h->nodes * sizeof *t->nodes);
}

static void bound(tile_header *h, const weld *w)
{
    for (int k = 0; k < 3; k++) {
        h->low[k] = INFINITY;
        h->high[k] = -INFINITY;
        for (int i = 0; i < w->count; i++) {
            h->low[k] = fminf(h->low[k], w->points[i][k]);
            h->high[k] = fmaxf(h->high[k], w->points[i][k]);
        }
    }
    float most = fmaxf(1, fmaxf(h->high[0] - h->low[0], fmaxf(h->high[1] - h->low[1], h->high[2] - h->low[2])));
    h->nodes_per_metre = fminf(10, 65000 / most);
}

bool nav_mesh_write(const nav_mesh *mesh, base_buffer *file, base_error *err)
{
    set_header set = { .magic = SET_MAGIC, .version = 1, .tile_width = 1, .tile_height = 1, .tiles_max = 1 };
    set.polygons_max = 1 << POLYGON_BITS;
    if (mesh->count == 0)
        return base_buffer_append(file, &set, sizeof set) || base_fail(err, BASE_MEMORY, "out of memory for a navigation mesh");
    tile_header h = { .magic = TILE_MAGIC, .version = 7, .height = 1.8f, .radius = 0.3f, .climb = 0.4f };
    int corners = 0;
    for (int i = 0; i < mesh->count; i++)
        corners += mesh->polygons[i].count;
    weld w = { 0 };
    tree t = { 0 };
    tile_polygon *polygons = malloc((size_t)mesh->count * sizeof *polygons);
    bool ok = polygons && weld_create(&w, corners);
    for (int i = 0; ok && i < mesh->count; i++)
        fill_polygon(&polygons[i], &mesh->polygons[i], &w);
    if (ok && w.count >= 65535) {
        ok = base_fail(err, BASE_UNSUPPORTED, "the navigation mesh has %d corners, at most 65534 can be numbered", w.count);
        goto done;
    }
    if (ok) {
        h.polygons = h.details = h.first_jump = mesh->count;
        h.corners = w.count;
        h.links = corners;
        h.triangles = corners - 2 * mesh->count;
        h.nodes = 2 * mesh->count - 1;
        bound(&h, &w);
        ok = build_tree(&t, &h, polygons, &w);
    }
    if (ok) {
        set.tiles = 1;
        memcpy(set.origin, h.low, sizeof set.origin);
        set.tile_width = h.high[0] - h.low[0] + 1;
        set.tile_height = h.high[2] - h.low[2] + 1;
        base_buffer_append(file, &set, sizeof set);
        append_tile(file, &h, polygons, &w, &t);
    }
    if (!ok || file->failed)
        ok = base_fail(err, BASE_MEMORY, "out of memory for a navigation mesh of %d polygons", mesh->count);
done:
    free(polygons);
    free(w.points);
    free(w.table);
    free(t.items);
    free(t.nodes);
    return ok;
}
