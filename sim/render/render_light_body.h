/* sim/render/render_light_body.h — the light of LANES jobs at a time: sky and clouds, or a surface with its picture, sun, shadow, lamps, sky light,
 * reflection, fog (included once per instruction set, by render_tile_body.h). */
#include "sim/render/render_internal.h"
#include "sim/render/render_simd.h"

/* Record of a visible triangle: planes over (x, y) in the tile of 1/w, u/w, v/w, normal/w, light/w, then its material.
 *   [0..7] factor of x   [8..15] factor of y   [16..23] constant
 *   [24..26] colour  [27] gloss  [28] emission  [29] texture layer (int)  [30] 1 = lets light through  [31] 1 = can be wet
 *   [32] BENT, FLAT (then [16 + 3..5] is the normal itself, all over) or FLAT_KNOWN, then the 8 numbers of the aspect */
enum {
    R_Z,
    R_U,
    R_V,
    R_NX,
    R_NY,
    R_NZ,
    R_LIGHT,
    R_RED = 24,
    R_GLOSS = 27,
    R_EMISSION,
    R_LAYER,
    R_LEAF,
    R_WET,
    R_FLAT,
    R_ASPECT
};
/* R_FLAT: what is known of how the triangle lies to sun and sky, the same all over one whose corners have one normal. */
enum { BENT, FLAT, FLAT_KNOWN };

typedef struct v3 {
    vf x, y, z;
} v3;
static inline vf dot3(v3 a, v3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline vf dot3f(v3 a, const float b[3]) { return a.x * b[0] + a.y * b[1] + a.z * b[2]; }
static inline v3 scale3(v3 a, vf k) { return (v3){ a.x * k, a.y * k, a.z * k }; }
static inline v3 mix3(v3 a, v3 b, vf t) { return (v3){ a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t }; }
static inline v3 unit3(v3 a) { return scale3(a, vf_rsqrt(vf_max(dot3(a, a), vf_splat(1e-30f)))); }
static inline v3 splat3(const float c[3]) { return (v3){ vf_splat(c[0]), vf_splat(c[1]), vf_splat(c[2]) }; }
static inline vf smooth(vf x, float lo, float hi)
{
    vf t = vf_saturate((x - lo) * (1.0f / (hi - lo)));
    return t * t * (3.0f - 2.0f * t);
}

/* Clear sky in direction d (unit), and its glow around the sun. Below the horizon: the sunlit ground. */
static v3 sky_gradient(const render_environment *e, v3 d)
{
    vf up = vf_saturate(d.z), curve = up * vf_rsqrt(vf_max(up, vf_splat(1e-12f)));
    v3 c = mix3(splat3(e->horizon_rgb), splat3(e->zenith_rgb), vf_saturate(curve * 1.25f - 0.06f));
    vf towards = vf_saturate(dot3f(d, e->sun_direction)), t2 = towards * towards, t8 = t2 * t2 * t2 * t2;
    vf glow = t8 * 0.12f * (1.0f - e->cloud_cover * 0.8f);
    c = (v3){ c.x + glow * e->sun_rgb[0], c.y + glow * e->sun_rgb[1], c.z + glow * e->sun_rgb[2] };
    return mix3(c, splat3(e->ground_rgb), vf_saturate(d.z * -12.0f));
}

static vf cloud_sample(const float *clouds, vf u, vf v)
{
    u = (u - vf_floor(u)) * (float)CLOUD_SIZE;
    v = (v - vf_floor(v)) * (float)CLOUD_SIZE;
    vf fu = vf_floor(u), fv = vf_floor(v), tu = u - fu, tv = v - fv;
    vi x0 = vi_of(fu) & (CLOUD_SIZE - 1), x1 = (x0 + 1) & (CLOUD_SIZE - 1);
    vi y0 = (vi_of(fv) & (CLOUD_SIZE - 1)) * CLOUD_SIZE, y1 = (y0 + CLOUD_SIZE) & (CLOUD_SIZE * CLOUD_SIZE - 1);
    vf a = vf_gather(clouds, y0 + x0), b = vf_gather(clouds, y0 + x1);
    vf c = vf_gather(clouds, y1 + x0), d = vf_gather(clouds, y1 + x1);
    a = a + (b - a) * tu;
    c = c + (d - c) * tu;
    return a + (c - a) * tv;
}

static v3 sky(const render_pass *p, v3 d)
{
    const render_environment *e = &p->environment;
    v3 c = sky_gradient(e, d);
    vf towards = dot3f(d, e->sun_direction);
    /* The disc is a quarter degree in radius; its halo hides in the clouds. */
    vf disc = vf_splat(0), cover = vf_splat(0), density = vf_splat(0);
    if (vi_any(towards > 0.985f))
        disc = smooth(towards, 0.99980f, 0.99993f) * 12.0f + smooth(towards, 0.985f, 1.0004f) * 0.55f;
    /* Both octaves are at most 1: where the first one is low no cloud can be, whatever the second. */
    float least = 0.80f - 0.95f * e->cloud_cover;
    vf k = 0.55f / (vf_max(d.z, vf_splat(0)) + 0.16f);
    vf u = d.x * k + e->cloud_offset_m[0] * 1e-4f, v = d.y * k + e->cloud_offset_m[1] * 1e-4f;
    if (e->cloud_cover > 0)
        density = cloud_sample(p->clouds, u, v) * 0.68f;
    if (e->cloud_cover > 0.9f || vi_any(density > least - 0.33f)) {
        density = density + cloud_sample(p->clouds, u * 3.7f + 0.31f, v * 3.7f + 0.17f) * 0.32f;
        vf body = (density - least) * 3.2f;
        cover = vf_saturate(body);
        cover = cover * cover * (3.0f - 2.0f * cover) * vf_saturate(d.z * 9.0f - 0.1f);
        cover = vf_max(cover, vf_splat(e->cloud_cover > 0.9f ? (e->cloud_cover - 0.9f) * 10.0f : 0.0f));
        vf shade = 1.0f - vf_saturate(body * 0.35f) * 0.45f;
        v3 cloud = scale3(splat3(e->cloud_rgb), shade);
        vf lining = vf_saturate(towards) * (1.0f - cover) * 0.6f;
        cloud = (v3){ cloud.x + lining * e->sun_rgb[0], cloud.y + lining * e->sun_rgb[1], cloud.z + lining * e->sun_rgb[2] };
        c = mix3(c, cloud, cover);
    }
    disc = disc * (1.0f - cover) * (1.0f - cover) * vf_saturate(d.z * 40.0f + 0.2f);
    c = (v3){ c.x + disc * e->sun_rgb[0], c.y + disc * e->sun_rgb[1], c.z + disc * e->sun_rgb[2] };
    /* Fog fills the lower sky. */
    if (e->fog_density_per_m > 0) {
        vf path = 220.0f / (vf_max(d.z, vf_splat(0)) + 0.02f);
        vf clear = vf_exp2(vf_min(path, vf_splat(9000)) * (-1.4427f * e->fog_density_per_m));
        c = mix3(splat3(e->horizon_rgb), c, clear);
    }
    return c;
}

/* Trilinear sample of the surface pictures. rgb: factor on the material's colour; a: share of glass. Only the weights are floats: colours
 * are mixed as whole numbers (render_simd.h), four channels at a time. */
static inline __attribute__((always_inline)) void texture(const uint32_t *textures, vi layer, vf u, vf v, vf lod, v3 *rgb,
                                                          vf *a)
{
    lod = vf_clamp(lod, 0, TEXTURE_LEVELS - 1.001f);
    vi level = vi_of(lod);
    vf blend = lod - vf_of(level);
    u = u - vf_floor(u);
    v = v - vf_floor(v);
    texels mixed = { 0 };
    int levels = vi_any(blend > 0.0f) ? 2 : 1;
    for (int k = 0; k < levels; k++) {
        vi size = vi_splat(TEXTURE_SIZE) >> level, mask = size - 1;
        vf pu = u * vf_of(size) - 0.5f, pv = v * vf_of(size) - 0.5f;
        vf fu = vf_floor(pu), fv = vf_floor(pv), tu = pu - fu, tv = pv - fv;
        /* Where the level begins: squares of 257, 129, 65 ... texels come before it. */
        vi squares = 0x15554 & -(vi_splat(4 << 2 * TEXTURE_SIZE_LOG2) >> (level + level)); /* 0, 4^8, 4^8 + 4^7, ... */
        vi base = layer + squares + (4 * TEXTURE_SIZE + level - 4 * size);
        vi pitch = size + 1, at = base + (vi_of(fv) & mask) * pitch + (vi_of(fu) & mask);
        texels here = texels_lerp(texels_row(textures, at, tu), texels_row(textures, at + pitch, tu), tv);
        mixed = k == 0 ? here : texels_lerp(mixed, here, blend);
        level = level + 1;
    }
    vf sum[4];
    texels_split(mixed, sum);
    const float unit = 1.4142135f / (255 * 127);
    for (int c = 0; c < 3; c++)
        sum[c] = sum[c] * unit;
    *rgb = (v3){ sum[0] * sum[0], sum[1] * sum[1], sum[2] * sum[2] };
    *a = sum[3] * (1.0f / (255 * 127));
}

/* How a surface lies to sun and sky: all that follows from its normal (and leaf: 1 = lets light through) alone. */
typedef struct aspect {
    v3 n;      /* unit */
    vf sun;    /* share of the sun's light, shadows aside */
    vf slack;  /* metres that a point may be lower than the shadow's height without being in its own shadow */
    v3 around; /* light of sky and ground, shade aside */
} aspect;

static inline __attribute__((always_inline)) aspect aspect_of(const render_pass *p, v3 normal, vf leaf)
{
    const render_environment *e = &p->environment;
    const render_shadow_lookup *l = &p->shadow;
    aspect a = { .n = normal, .slack = vf_splat(0) };
    vf facing = dot3f(normal, e->sun_direction);
    a.sun = vf_max(facing, vf_splat(0)) * (1.0f - leaf) + leaf * (0.30f + 0.45f * vf_abs(facing));
    if (l->on) {
        /* A texel knows one height; the surface's own varies across it. How much, by the slope of the surface against the plane
         * across the rays, is the slack: nothing on level ground, much on walls. A texel is 0.1 m wide. */
        vf per = l->sun[2] / vf_max(dot3f(normal, l->sun), vf_splat(0.05f));
        vf slope =
            vf_abs(l->unit_s[2] - dot3f(normal, l->unit_s) * per) + vf_abs(l->unit_t[2] - dot3f(normal, l->unit_t) * per);
        a.slack = vf_min(0.015f + 0.125f * slope, vf_splat(1.5f));
    }
    a.around = mix3(splat3(e->ground_rgb), splat3(p->above_rgb), normal.z * 0.5f + 0.5f);
    return a;
}

static __attribute__((noinline)) void know_aspect(const render_pass *p, float *record)
{
    v3 n = { vf_splat(record[R_NX + 16]), vf_splat(record[R_NY + 16]), vf_splat(record[R_NZ + 16]) };
    aspect a = aspect_of(p, unit3(n), vf_splat(record[R_LEAF]));
    const float known[8] = { a.n.x[0], a.n.y[0], a.n.z[0], a.sun[0], a.slack[0], a.around.x[0], a.around.y[0], a.around.z[0] };
    memcpy(record + R_ASPECT, known, sizeof known);
    record[R_FLAT] = FLAT_KNOWN;
}

/* Of a triangle that is FLAT: found when first asked for. */
static inline aspect flat_aspect(const render_pass *p, float *record)
{
    if (record[R_FLAT] != FLAT_KNOWN)
        know_aspect(p, record);
    const float *r = record + R_ASPECT;
    return (aspect){ splat3(r), vf_splat(r[3]), vf_splat(r[4]), splat3(r + 5) };
}

/* Share of sunlight that reaches a camera-relative world point: four neighbouring texels, weighted by distance. */
static inline __attribute__((always_inline)) vf sunlit(const render_shadow_lookup *l, v3 at, vf slack, vf distance)
{
    const vf zero = vf_splat(0), one = vf_splat(1), grid = vf_splat(SHADOW_GRID);
    vf s = at.x * l->across_s[0] + at.y * l->across_s[1] + at.z * l->across_s[2] + l->origin_s;
    vf t = at.x * l->across_t[0] + at.y * l->across_t[1] + at.z * l->across_t[2] + l->origin_t;
    lane_mask valid = vf_not_below(vf_not_below(all_lanes(), s, zero), t, zero);
    valid = vf_below(vf_below(vf_below(valid, s, grid), t, grid), distance, vf_splat(l->range_m));
    s = vf_keep(valid, s);
    t = vf_keep(valid, t);
    vf fs = vf_floor(s), ft = vf_floor(t);
    vi place = vi_of(ft) * SHADOW_GRID + vi_of(fs);
    vi piece = vi_same(place) ? vi_splat(l->piece[place[0]]) : vi_gather(l->piece, place);
    valid = vi_not_above(valid, vi_splat(0), piece);
    piece = vi_keep(valid, piece);
    vf x = (s - fs) * (float)SHADOW_TEXELS + (SHADOW_BORDER - 0.5f),
       y = (t - ft) * (float)SHADOW_TEXELS + (SHADOW_BORDER - 0.5f);
    vf fx = vf_floor(x), fy = vf_floor(y), wx = x - fx, wy = y - fy;
    vf height = vf_clamp((at.z + slack) * l->height_scale + l->height_origin, 0, 65535);
    vi h = vi_of(height), texel = piece + vi_of(fy) * SHADOW_PITCH + vi_of(fx);
    vi upper = vi_gather2(l->maps, texel), lower = vi_gather2(l->maps, texel + SHADOW_PITCH);
    vf l00 = vf_keep(vi_not_above(all_lanes(), upper & 65535, h), one);
    vf l01 = vf_keep(vi_not_above(all_lanes(), (upper >> 16) & 65535, h), one);
    vf l10 = vf_keep(vi_not_above(all_lanes(), lower & 65535, h), one);
    vf l11 = vf_keep(vi_not_above(all_lanes(), (lower >> 16) & 65535, h), one);
    l00 = l00 + (l01 - l00) * wx;
    l10 = l10 + (l11 - l10) * wx;
    vf lit = l00 + (l10 - l00) * wy;
    vf fade = vf_saturate((distance - 0.85f * l->range_m) * (1.0f / (0.15f * l->range_m)));
    lit = lit + (1.0f - lit) * fade;
    return vf_replace(valid, lit, one);
}

static v3 tone_curve(v3 c, float exposure) /* Narkowicz's fit of the ACES film curve */
{
    vf *x[3] = { &c.x, &c.y, &c.z };
    for (int k = 0; k < 3; k++) {
        vf v = *x[k] * exposure;
        *x[k] = vf_saturate(v * (2.51f * v + 0.03f) / (v * (2.43f * v + 0.59f) + 0.14f));
    }
    return c;
}

/* Fields of the records of LANES jobs. Neighbouring jobs mostly share a record: each distinct one is one broadcast into its lanes. A
 * gather reads lane by lane and costs four times as much as the usual two or three. */
enum { RUNS_MAX = LANES / 2 };
typedef struct field_reader {
    float *records; /* of one: its aspect is written there once known */
    vi offset;
    int runs; /* distinct ones; 0: too many, gather */
    const float *first[RUNS_MAX];
    lane_mask lanes[RUNS_MAX]; /* of those after the first */
} field_reader;

static field_reader read_fields(float *records, const uint32_t *offsets)
{
    field_reader f = { .records = records, .offset = vi_load(offsets), .runs = 1 };
    f.first[0] = records + offsets[0];
    uint32_t left = ~lane_bits(vi_equal(f.offset, vi_splat((int32_t)offsets[0]))) & ALL_LANES;
    while (left) {
        if (f.runs == RUNS_MAX) {
            f.runs = 0;
            break;
        }
        int k = __builtin_ctz(left);
        lane_mask same = vi_equal(f.offset, vi_splat((int32_t)offsets[k]));
        left &= ~lane_bits(same);
        f.first[f.runs] = records + offsets[k];
        f.lanes[f.runs++] = same;
    }
    return f;
}

static inline __attribute__((always_inline)) vf field(const field_reader *f, int k, const bool one)
{
    if (one)
        return vf_splat(f->records[k]);
    if (f->runs == 0)
        return vf_gather(f->records + k, f->offset);
    vf x = vf_splat(f->first[0][k]);
    for (int i = 1; i < f->runs; i++)
        x = vf_put(x, f->lanes[i], f->first[i][k]);
    return x;
}

/* Light of the tile's lamps on a surface; *shine gets what a wet or glossy one mirrors of them, by `gloss` squared. */
static v3 lamp_light(const render_pass *p, const render_scratch *s, v3 at, v3 n, v3 mirrored, vf leaf, v3 *shine)
{
    v3 sum = { { 0 }, { 0 }, { 0 } };
    for (int i = 0; i < s->lamp_count; i++) {
        const render_lit *l = &p->lamps[s->lamps[i]];
        v3 d = { l->at[0] - at.x, l->at[1] - at.y, l->at[2] - at.z };
        vf d2 = dot3(d, d), far = d2 * l->inverse_range2;
        vf reach = vf_saturate(1.0f - far * far);
        if (!vi_any(reach > 0))
            continue;
        vf inverse2 = 1.0f / (d2 + l->soft2);
        v3 to = scale3(d, 1.0f / vf_sqrt(vf_max(d2, vf_splat(1e-4f))));
        vf cone = vf_saturate(l->cone_offset - dot3f(to, l->direction) * l->cone_scale);
        reach = reach * reach * cone * cone;
        vf facing = dot3(n, to);
        vf diffuse = vf_saturate(facing) * (1.0f - leaf) + leaf * (0.25f + 0.35f * vf_abs(facing));
        vf power = reach * inverse2 * diffuse;
        vf spot = vf_saturate(dot3(mirrored, to)), s2 = spot * spot, s4 = s2 * s2, s16 = s4 * s4 * s4 * s4;
        vf glint = reach * vf_sqrt(inverse2) * s16 * s16 * 0.05f;
        sum = (v3){ sum.x + power * l->rgb[0], sum.y + power * l->rgb[1], sum.z + power * l->rgb[2] };
        *shine = (v3){ shine->x + glint * l->rgb[0], shine->y + glint * l->rgb[1], shine->z + glint * l->rgb[2] };
    }
    return sum;
}

/* Which windows are lit: by their number on the wall, the wall's colour and the way it looks. 0 or how strongly. */
static vf window_lit(vf u, vf v, v3 n, vf red)
{
    vu h = (vu)vi_of(vf_floor(u * 2.0f)) * 374761393u + (vu)vi_of(vf_floor(v * 2.0f)) * 668265263u;
    h = h + (vu)vi_of(vf_floor(n.x * 2.0f + 0.5f)) * 2246822519u + (vu)vi_of(vf_floor(n.y * 2.0f + 0.5f)) * 3266489917u;
    h = h + (vu)vi_of(red * 997.0f) * 1597334677u;
    h = (h ^ (h >> 13)) * 1274126177u;
    h = h ^ (h >> 16);
    vf unit = vf_of((vi)(h & 1023)) * (1.0f / 1024);
    return vf_select(unit < 0.3f, 0.35f + unit * 2.0f, vf_splat(0));
}

/* ray: of unit depth; inverse: 1 / its length. one: all lanes have the record f->records. */
static inline __attribute__((always_inline)) v3 surface(const render_pass *p, const render_scratch *s, const field_reader *f,
                                                        vf x, vf y, v3 ray, vf inverse, const bool one)
{
    const render_environment *e = &p->environment;
    vf za = field(f, R_Z, one), zb = field(f, R_Z + 8, one);
    vf w = 1.0f / (field(f, R_Z + 16, one) + za * x + zb * y);
    vf ua = field(f, R_U, one), ub = field(f, R_U + 8, one), va = field(f, R_V, one), vb = field(f, R_V + 8, one);
    vf u = (field(f, R_U + 16, one) + ua * x + ub * y) * w, v = (field(f, R_V + 16, one) + va * x + vb * y) * w;
    /* Footprint of the pixel in texels: along the screen's axes, then a compromise between the longer and the shorter. */
    vf size = w * (float)TEXTURE_SIZE;
    vf ux = (ua - u * za) * size, vx = (va - v * za) * size, uy = (ub - u * zb) * size, vy = (vb - v * zb) * size;
    vf dx = ux * ux + vx * vx, dy = uy * uy + vy * vy;
    vf longer = vf_max(vf_max(dx, dy), vf_splat(1e-12f)), shorter = vf_max(vf_min(dx, dy), longer * (1.0f / 16));
    vf lod = 0.25f * vf_log2(vf_min(longer, vf_splat(1e15f)) * vf_min(shorter, vf_splat(1e15f)));
    v3 grain;
    vf glass;
    texture(p->textures, (vi)field(f, R_LAYER, one), u, v, lod, &grain, &glass);

    const bool puddles = e->wetness > 0 && e->puddles > 0; /* they level what they stand on, pixel by pixel */
    const bool flat = one && !puddles && f->records[R_FLAT] != BENT;
    vf leaf = field(f, R_LEAF, one);
    aspect lie;
    if (flat) {
        lie = flat_aspect(p, f->records);
    } else {
        v3 n = { field(f, R_NX + 16, one) + field(f, R_NX, one) * x + field(f, R_NX + 8, one) * y,
                 field(f, R_NY + 16, one) + field(f, R_NY, one) * x + field(f, R_NY + 8, one) * y,
                 field(f, R_NZ + 16, one) + field(f, R_NZ, one) * x + field(f, R_NZ + 8, one) * y };
        lie.n = unit3(n);
    }
    vf open = vf_saturate((field(f, R_LIGHT + 16, one) + field(f, R_LIGHT, one) * x + field(f, R_LIGHT + 8, one) * y) * w);
    v3 at = scale3(ray, w);
    vf distance = w * dot3(ray, ray) * inverse;

    /* colour: glass in a picture keeps its own */
    v3 base = { field(f, R_RED, one), field(f, R_RED + 1, one), field(f, R_RED + 2, one) };
    vf wall = 1.0f - glass;
    v3 albedo = { grain.x * (base.x * wall + glass * 0.5f), grain.y * (base.y * wall + glass * 0.5f),
                  grain.z * (base.z * wall + glass * 0.5f) };
    vf gloss = field(f, R_GLOSS, one) * wall + glass * 0.9f, water = vf_splat(0);
    if (e->wetness > 0) {
        vf wet = field(f, R_WET, one) * vf_saturate(lie.n.z) * e->wetness;
        albedo = scale3(albedo, 1.0f - 0.5f * wet);
        gloss = vf_max(gloss, wet * 0.75f);
        if (puddles) {
            vf depth = cloud_sample(p->clouds, at.x * (1.0f / RENDER_PUDDLES_M) + p->puddle_u,
                                    at.y * (1.0f / RENDER_PUDDLES_M) + p->puddle_v);
            vf level = vf_saturate((lie.n.z - 0.97f) * 50.0f) * vf_saturate(field(f, R_WET, one));
            water = vf_saturate((depth - (0.80f - 0.42f * e->puddles)) * 9.0f) * level;
            albedo = scale3(albedo, 1.0f - 0.45f * water);
            lie.n = (v3){ lie.n.x * (1.0f - water), lie.n.y * (1.0f - water), lie.n.z + (1.0f - lie.n.z) * water };
            gloss = vf_max(gloss, water);
        }
    }

    /* light */
    if (!flat)
        lie = aspect_of(p, lie.n, leaf);
    const v3 n = lie.n;
    vf lit = vf_splat(p->shadow.on ? 0 : 1);
    lane_mask sees_sun = vf_above(lie.sun, vf_splat(0)); /* what faces away is dark anyway, and does not mirror the sun */
    if (p->shadow.on && lanes_any(sees_sun)) {
        v3 lifted = { at.x + n.x * 0.04f, at.y + n.y * 0.04f, at.z + n.z * 0.04f };
        lit = sunlit(&p->shadow, lifted, lie.slack, distance);
        lit = vf_keep(sees_sun, lit + (1.0f - lit) * leaf * 0.25f);
    }
    vf direct = lie.sun * lit * (0.55f + 0.45f * open);
    v3 light = { lie.around.x * open + direct * e->sun_rgb[0], lie.around.y * open + direct * e->sun_rgb[1],
                 lie.around.z * open + direct * e->sun_rgb[2] };
    lane_mask shines = vf_above(gloss, vf_splat(0.01f)), mirrors = vf_above(gloss, vf_splat(0.06f));
    vf cosine = dot3(n, ray) * -inverse;
    v3 mirrored = { { 0 }, { 0 }, { 0 } }, lamp_shine = mirrored;
    if (s->lamp_count || lanes_any(mirrors)) {
        vf twice = cosine * 2.0f;
        mirrored = (v3){ n.x * twice + ray.x * inverse, n.y * twice + ray.y * inverse, n.z * twice + ray.z * inverse };
    }
    if (s->lamp_count) {
        v3 lamps = lamp_light(p, s, at, n, mirrored, leaf, &lamp_shine);
        light = (v3){ light.x + lamps.x, light.y + lamps.y, light.z + lamps.z };
    }
    vf emission = field(f, R_EMISSION, one);
    v3 c = { albedo.x * light.x + base.x * emission, albedo.y * light.y + base.y * emission,
             albedo.z * light.z + base.z * emission };

    /* Reflection of the sky and of the sun, Schlick's Fresnel term. What is almost matt reflects at grazing angles alone, and there the
     * horizon. A lane's light must not depend on its neighbours. */
    if (lanes_any(shines)) {
        gloss = vf_keep(shines, gloss);
        vf k = 1.0f - vf_saturate(cosine), k2 = k * k;
        vf share = gloss * (0.05f + (0.6f + 0.35f * water) * k2 * k2 * k);
        share = share * open;
        v3 image = splat3(e->horizon_rgb);
        if (lanes_any(mirrors)) {
            v3 above = sky_gradient(e, mirrored);
            image = (v3){ vf_replace(mirrors, above.x, image.x), vf_replace(mirrors, above.y, image.y),
                          vf_replace(mirrors, above.z, image.z) };
            vf spot = vf_saturate(dot3f(mirrored, e->sun_direction)), s2 = spot * spot, s4 = s2 * s2, s16 = s4 * s4 * s4 * s4;
            vf shine = vf_keep(mirrors, gloss * gloss * lit * (s16 * s16 * s16 * s16) * 1.2f);
            c = (v3){ c.x + shine * e->sun_rgb[0], c.y + shine * e->sun_rgb[1], c.z + shine * e->sun_rgb[2] };
        }
        c = (v3){ c.x + share * image.x, c.y + share * image.y, c.z + share * image.z };
        if (s->lamp_count) {
            vf polish = gloss * gloss;
            c = (v3){ c.x + polish * lamp_shine.x, c.y + polish * lamp_shine.y, c.z + polish * lamp_shine.z };
        }
    }
    if (e->window_light > 0 && vi_any(glass > 0.0f)) {
        vf inside = window_lit(u, v, n, base.x) * glass * (e->window_light * 0.30f);
        c = (v3){ c.x + inside, c.y + inside * 0.72f, c.z + inside * 0.42f };
    }
    if (e->fog_density_per_m > 0) {
        vf path = vf_max(distance - e->fog_start_m, vf_splat(0));
        vf clear = vf_exp2(path * (-1.4427f * e->fog_density_per_m));
        vf towards = vf_saturate(dot3f(ray, e->sun_direction) * inverse), t2 = towards * towards, t4 = t2 * t2;
        v3 air = splat3(e->horizon_rgb);
        vf glow = t4 * 0.15f;
        air = (v3){ air.x + glow * e->sun_rgb[0], air.y + glow * e->sun_rgb[1], air.z + glow * e->sun_rgb[2] };
        c = mix3(air, c, clear);
    }
    return c;
}

static inline v3 ray_through(const render_pass *p, vf x, vf y)
{
    return (v3){ p->ray_0[0] + x * p->ray_x[0] + y * p->ray_y[0], p->ray_0[1] + x * p->ray_x[1] + y * p->ray_y[1],
                 p->ray_0[2] + x * p->ray_x[2] + y * p->ray_y[2] };
}

static v3 light_of_sky(const render_pass *p, vf x, vf y, float ox, float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    return sky(p, scale3(ray, vf_rsqrt(dot3(ray, ray))));
}

static v3 light_of_several(const render_pass *p, const render_scratch *s, const uint32_t *record, vf x, vf y, float ox,
                           float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    field_reader f = read_fields(s->records, record);
    return surface(p, s, &f, x, y, ray, vf_rsqrt(dot3(ray, ray)), false);
}

static v3 light_of_one(const render_pass *p, const render_scratch *s, uint32_t record, vf x, vf y, float ox, float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    field_reader f = { .records = s->records + record };
    return surface(p, s, &f, x, y, ray, vf_rsqrt(dot3(ray, ray)), true);
}
