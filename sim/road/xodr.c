/* Reading OpenDRIVE XML with expat into a road_map's flat arrays.
 *
 * Tables of rows (parent element, name, handler, own state) say which elements are read; whatever is not in them is skipped
 * with all its children and counted for the note. Entities are refused (no expansion to bound), depth and every list are
 * bounded, every number must be finite and within a stated range. Then the map is put in order and linked. */
#include "sim/road/xodr.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const xodr_row head_rows[] = {
    { S_DOCUMENT, "OpenDRIVE", NULL, S_OPENDRIVE },
    { S_OPENDRIVE, "header", NULL, S_HEADER },
    { S_HEADER, "geoReference", NULL, S_GEOREFERENCE },
    { 0 },
};
static const xodr_row *const tables[] = { xodr_road_rows, xodr_lane_rows, xodr_sign_rows, head_rows };

static const xodr_row *find_row(xodr_state parent, const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const xodr_row *r = tables[t]; r->name; r++)
            if (r->parent == parent && strcmp(r->name, name) == 0)
                return r;
    return NULL;
}

static void ignore(xodr_parser *p, const char *name)
{
    for (int i = 0; i < p->ignored_count; i++)
        if (strncmp(p->ignored[i].name, name, sizeof p->ignored[i].name - 1) == 0) {
            p->ignored[i].count++;
            return;
        }
    if (p->ignored_count == XODR_IGNORED_MAX) {
        p->ignored_rest++;
        return;
    }
    snprintf(p->ignored[p->ignored_count].name, sizeof p->ignored[0].name, "%s", name);
    p->ignored[p->ignored_count++].count = 1;
}

static void on_start(void *user, const char *name, const char **atts)
{
    xodr_parser *p = user;
    if (p->failed)
        return;
    if (p->depth == XODR_DEPTH_MAX) {
        xodr_fail(p, "elements nested deeper than %d", XODR_DEPTH_MAX);
        return;
    }
    xodr_state parent = p->depth ? p->stack[p->depth - 1] : S_DOCUMENT;
    const xodr_row *row = parent == S_SKIP ? NULL : find_row(parent, name);
    xodr_state state = row ? row->state : S_SKIP;
    if (row && row->on)
        row->on(p, atts);
    if (p->depth == 0 && state == S_SKIP)
        xodr_fail(p, "expected <OpenDRIVE>, found <%.40s>", name);
    else if (state == S_SKIP && parent != S_SKIP)
        ignore(p, name);
    if (!p->failed)
        p->stack[p->depth++] = state;
}

static void on_end(void *user, const char *name)
{
    xodr_parser *p = user;
    (void)name;
    if (p->failed)
        return;
    if (p->stack[--p->depth] == S_GEOMETRY && !p->geometry_has_shape)
        xodr_fail(p, "geometry without line, arc, spiral, poly3 or paramPoly3");
}

static void on_doctype(void *user, const char *doctype, const char *sysid, const char *pubid, int has_internal_subset)
{
    (void)doctype;
    (void)sysid;
    (void)pubid;
    if (has_internal_subset)
        xodr_fail(user, "a document type with declarations is refused");
}

static void georeference_text(void *user, const char *text, int bytes)
{
    xodr_parser *p = user;
    if (p->depth == 0 || p->stack[p->depth - 1] != S_GEOREFERENCE)
        return;
    for (int i = 0; i < bytes && p->geo_bytes + 1 < sizeof p->geo_reference; i++)
        p->geo_reference[p->geo_bytes++] = text[i];
}

static bool write_note(xodr_parser *p)
{
    char note[2048];
    size_t n = 0;
    note[0] = 0;
    for (int i = 0; i < p->ignored_count && n < sizeof note - 80; i++)
        n += (size_t)snprintf(note + n, sizeof note - n, "%s%s x%d", i ? ", " : "ignored: ", p->ignored[i].name,
                              p->ignored[i].count);
    if (p->ignored_rest && n < sizeof note - 80)
        n += (size_t)snprintf(note + n, sizeof note - n, " and %d others", p->ignored_rest);
    if (p->m->dropped_links && n < sizeof note - 120)
        n += (size_t)snprintf(note + n, sizeof note - n, "%s%d lane links to lanes that do not exist or run the other way",
                              n ? "; dropped: " : "dropped: ", p->m->dropped_links);
    if (p->m->gap_links && n < sizeof note - 120)
        snprintf(note + n, sizeof note - n, "%s%d driving lane links with a gap above 0.05 m", n ? "; " : "", p->m->gap_links);
    p->m->note = strdup(note);
    return p->m->note || base_fail(p->err, BASE_MEMORY, "%s: no memory", p->name);
}

static bool parse_xml(xodr_parser *p, const char *xml, size_t bytes)
{
    p->xml = XML_ParserCreate(NULL);
    if (!p->xml)
        return base_fail(p->err, BASE_MEMORY, "%s: no memory for the XML parser", p->name);
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, georeference_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    enum XML_Status status = XML_Parse(p->xml, xml, (int)bytes, XML_TRUE);
    if (status != XML_STATUS_OK && !p->failed) {
        p->failed = true;
        base_fail(p->err, BASE_FORMAT, "%s:%lu: not well-formed XML: %s", p->name,
                  (unsigned long)XML_GetCurrentLineNumber(p->xml), XML_ErrorString(XML_GetErrorCode(p->xml)));
    }
    XML_ParserFree(p->xml);
    return !p->failed;
}

road_map *road_map_parse(const char *xml, size_t bytes, const char *name, const base_log *log, base_error *err)
{
    if (!name)
        name = "map";
    if (bytes > ROAD_XML_BYTES_MAX) {
        base_fail(err, BASE_FORMAT, "%s: %zu bytes of OpenDRIVE, at most %zu are read", name, bytes, ROAD_XML_BYTES_MAX);
        return NULL;
    }
    xodr_parser p = { .name = name, .err = err, .m = calloc(1, sizeof *p.m) };
    road_map *m = p.m, *result = NULL;
    p.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!m || !p.c_locale || !ROAD_PUSH(m->text) || !road_map_reserve(m) || !(m->name = strdup(name))) {
        base_fail(err, BASE_MEMORY, "%s: no memory", name);
        goto done;
    }
    if (!parse_xml(&p, xml, bytes) || !road_order_build(m, err))
        goto done;
    road_geo_read(m, p.geo_reference, p.c_locale);
    if (!road_links_build(m, err) || !road_spawns_build(m, err) || !road_nearest_build(m, err) || !road_signals_build(m, err) ||
        !road_objects_build(m, err) || !road_junctions_build(m, err) || !write_note(&p))
        goto done;
    if (m->note[0])
        base_log_write(log, BASE_LOG_INFO, "%s: %s", name, m->note);
    result = m;
done:
    if (p.c_locale)
        freelocale(p.c_locale);
    if (!result)
        road_map_destroy(m);
    return result;
}

road_map *road_map_read(const char *path, const base_log *log, base_error *err)
{
    unsigned char *data;
    size_t bytes;
    if (!base_file_read(path, ROAD_XML_BYTES_MAX, &data, &bytes, err))
        return NULL;
    const char *slash = strrchr(path, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", path);
    road_map *m = road_map_parse((const char *)data, bytes, name, log, err); /* messages carry the path */
    free(data);
    if (m) {
        snprintf(m->name, strlen(m->name) + 1, "%s", slash ? slash + 1 : path);
        size_t n = strlen(m->name);
        if (n > 5 && strcmp(m->name + n - 5, ".xodr") == 0)
            m->name[n - 5] = 0;
    }
    return m;
}
