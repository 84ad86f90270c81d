/* A road network as OpenDRIVE 1.4 text. Places are printed to 1e-10 m, so that the text is the same wherever libm is good to the
 * last few bits. */
#include "tools/maps/net.h"
#include <math.h>
#include <stdio.h>

static void write_mark(const net_mark *m, const char *indent, bool fixed)
{
    printf(fixed ? "%s<roadMark sOffset=\"%.10f\"" : "%s<roadMark sOffset=\"%.12g\"", indent, m->s);
    printf(" type=\"%s\" weight=\"standard\" material=\"standard\" color=\"%s\"", m->type, m->color);
    if (m->width > 0)
        printf(" width=\"%g\"", m->width);
    printf(" laneChange=\"%s\"/>\n", m->change);
}

static void write_lane(int id, const net_lane *l)
{
    printf("                    <lane id=\"%d\" type=\"%s\" level=\"false\">\n                        <link>\n", id, l->type);
    if (l->before)
        printf("                            <predecessor id=\"%d\"/>\n", l->before);
    if (l->after)
        printf("                            <successor id=\"%d\"/>\n", l->after);
    printf("                        </link>\n");
    for (int i = 0; i < l->widths; i++)
        printf("                        <width sOffset=\"%.12g\" a=\"%.12g\" b=\"%.12g\" c=\"%.12g\" d=\"%.12g\"/>\n",
               l->width[i].s, l->width[i].a, l->width[i].b, l->width[i].c, l->width[i].d);
    write_mark(&l->mark, "                        ", false);
    printf("                    </lane>\n");
}

static void write_section(const net_section *sec)
{
    printf("            <laneSection s=\"%.12g\">\n", sec->s);
    if (sec->lefts) { /* from the highest id to the lowest, as OpenDRIVE lists lanes */
        printf("                <left>\n");
        for (int k = sec->lefts; k >= 1; k--)
            write_lane(k, &sec->left[k - 1]);
        printf("                </left>\n");
    }
    printf(
        "                <center>\n                    <lane id=\"0\" type=\"none\" level=\"false\">\n                        <link/>\n");
    for (int i = 0; i < sec->marks; i++)
        write_mark(&sec->center[i], "                        ", true);
    printf("                    </lane>\n                </center>\n");
    if (sec->rights) {
        printf("                <right>\n");
        for (int k = 1; k <= sec->rights; k++)
            write_lane(-k, &sec->right[k - 1]);
        printf("                </right>\n");
    }
    printf("            </laneSection>\n");
}

static void write_geometry(const net_road *r, double ox, double oy)
{
    double s = 0;
    for (int i = 0; i < r->pieces; i++) {
        const net_piece *p = &r->piece[i];
        printf("            <geometry s=\"%.10f\" x=\"%.10f\" y=\"%.10f\" hdg=\"%.12f\" length=\"%.10f\">\n", s, p->x - ox,
               p->y - oy, p->heading, p->length);
        if (p->k0 == 0 && p->k1 == 0)
            printf("                <line/>\n");
        else if (p->k0 == p->k1)
            printf("                <arc curvature=\"%.12f\"/>\n", p->k0);
        else
            printf("                <spiral curvStart=\"%.12f\" curvEnd=\"%.12f\"/>\n", p->k0, p->k1);
        printf("            </geometry>\n");
        s += p->length;
    }
}

static void write_profile(const char *record, const net_profile *p)
{
    for (int i = 0; i < p->count; i++)
        printf("            <%s s=\"%.12g\" a=\"%.12g\" b=\"%.12g\" c=\"%.12g\" d=\"%.12g\"/>\n", record, p->list[i].s,
               p->list[i].a, p->list[i].b, p->list[i].c, p->list[i].d);
}

static void write_end(const char *which, net_end e)
{
    if (e.kind == NET_ROAD)
        printf("            <%s elementType=\"road\" elementId=\"%d\" contactPoint=\"%s\"/>\n", which, e.id,
               e.at_end ? "end" : "start");
    if (e.kind == NET_JUNCTION)
        printf("            <%s elementType=\"junction\" elementId=\"%d\"/>\n", which, e.id);
}

static void write_object(const net_object *o)
{
    printf(
        "            <object id=\"%d\" name=\"%s\" type=\"%s\" s=\"%.10f\" t=\"%.10f\" zOffset=\"0\" validLength=\"0\" orientation=\"none\" "
        "hdg=\"%.12f\" pitch=\"0\" roll=\"0\" length=\"%.10f\" width=\"%.10f\" height=\"0\">\n                <outline>\n",
        o->id, o->name, o->type, o->s, o->t, o->heading, 2 * o->half_u, 2 * o->half_v);
    for (int k = 0; k < 5; k++) /* the first corner again at the end, as CARLA's maps have it */
        printf("                    <cornerLocal u=\"%.10f\" v=\"%.10f\" z=\"0\"/>\n", k % 4 < 2 ? o->half_u : -o->half_u,
               k % 4 == 0 || k % 4 == 3 ? o->half_v : -o->half_v);
    printf("                </outline>\n            </object>\n");
}

static void write_signal(const net_signal *g)
{
    const char *orientation = g->backward ? "-" : "+";
    if (g->reference)
        printf("            <signalReference id=\"%d\" s=\"%.10f\" t=\"%.10f\" orientation=\"%s\">\n", g->id, g->s, g->t,
               orientation);
    else
        printf(
            "            <signal id=\"%d\" name=\"%s\" s=\"%.10f\" t=\"%.10f\" dynamic=\"%s\" orientation=\"%s\" zOffset=\"0\" "
            "country=\"OpenDRIVE\" type=\"%s\" subtype=\"-1\" value=\"%d\" %stext=\"\" height=\"1\" width=\"0.6\" "
            "hOffset=\"%.12f\" pitch=\"0\" roll=\"0\">\n",
            g->id, g->name, g->s, g->t, g->dynamic ? "yes" : "no", orientation, g->type, g->value,
            g->value > 0 ? "unit=\"km/h\" " : "", g->h_offset);
    printf("                <validity fromLane=\"%d\" toLane=\"%d\"/>\n            </%s>\n", g->from_lane, g->to_lane,
           g->reference ? "signalReference" : "signal");
}

static void write_road(const net_road *r, double ox, double oy)
{
    printf("    <road name=\"%s\" length=\"%.10f\" id=\"%d\" junction=\"%d\">\n", r->name, r->length, r->id, r->junction);
    printf("        <link>\n");
    write_end("predecessor", r->before);
    write_end("successor", r->after);
    printf("        </link>\n");
    if (r->type)
        printf("        <type s=\"0\" type=\"%s\">\n            <speed max=\"%.12g\" unit=\"km/h\"/>\n        </type>\n",
               r->type, r->speed_kmh);
    printf("        <planView>\n");
    write_geometry(r, ox, oy);
    printf("        </planView>\n        <elevationProfile>\n");
    static const net_profile flat = { { { 0, 0, 0, 0, 0 } }, 1 };
    write_profile("elevation", r->elevation.count ? &r->elevation : &flat);
    printf("        </elevationProfile>\n");
    if (r->superelevation.count) {
        printf("        <lateralProfile>\n");
        write_profile("superelevation", &r->superelevation);
        printf("        </lateralProfile>\n");
    } else {
        printf("        <lateralProfile/>\n");
    }
    printf("        <lanes>\n            <laneOffset s=\"0\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>\n");
    for (int i = 0; i < r->sections; i++)
        write_section(&r->section[i]);
    printf("        </lanes>\n");
    printf(r->objects ? "        <objects>\n" : "        <objects/>\n");
    for (int i = 0; i < r->objects; i++)
        write_object(&r->object[i]);
    if (r->objects)
        printf("        </objects>\n");
    printf(r->signals ? "        <signals>\n" : "        <signals/>\n");
    for (int i = 0; i < r->signals; i++)
        write_signal(&r->signal[i]);
    if (r->signals)
        printf("        </signals>\n");
    printf("    </road>\n");
}

static void write_junction(const net_junction *j)
{
    printf("    <junction id=\"%d\" name=\"%s\">\n", j->id, j->name);
    for (int i = 0; i < j->connections; i++) {
        const net_connection *c = &j->connection[i];
        printf("        <connection id=\"%d\" incomingRoad=\"%d\" connectingRoad=\"%d\" contactPoint=\"start\">\n", i,
               c->incoming, c->connecting);
        for (int k = 0; k < c->count; k++)
            printf("            <laneLink from=\"%d\" to=\"%d\"/>\n", c->from[k], c->to[k]);
        printf("        </connection>\n");
    }
    for (int i = 0; i < j->controllers; i++)
        printf("        <controller id=\"%d\" type=\"0\"/>\n", j->controller[i]);
    printf("    </junction>\n");
}

/* 16 places per piece give the box well within its margin of 10 m. */
static void bound(const net *n, double *west, double *east, double *south, double *north)
{
    *west = *south = INFINITY, *east = *north = -INFINITY;
    for (int i = 0; i < n->roads; i++)
        for (int j = 0; j < n->road[i]->pieces; j++)
            for (int k = 0; k <= 16; k++) {
                net_piece part = n->road[i]->piece[j];
                double x, y, h, u = k / 16.0, k0 = part.k0, k1 = part.k1;
                part.length *= u;
                part.k1 = k0 + u * (k1 - k0);
                net_advance(&part, &x, &y, &h);
                *west = fmin(*west, x), *east = fmax(*east, x), *south = fmin(*south, y), *north = fmax(*north, y);
            }
}

void net_write(const net *n)
{
    double west, east, south, north;
    bound(n, &west, &east, &south, &north);
    double ox = round((west + east) / 2), oy = round((south + north) / 2); /* the map's middle becomes the origin */
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Written by tools/mapgen.c; change it there. -->\n<OpenDRIVE>\n");
    printf(
        "    <header revMajor=\"1\" revMinor=\"4\" name=\"%s\" version=\"1\" north=\"%.0f\" south=\"%.0f\" east=\"%.0f\" west=\"%.0f\">\n",
        n->name, north - oy + 10, south - oy - 10, east - ox + 10, west - ox - 10);
    printf(
        "        <geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs]]></geoReference>\n");
    printf("    </header>\n");
    for (int i = 0; i < n->roads; i++)
        write_road(n->road[i], ox, oy);
    for (int i = 0; i < n->controllers; i++)
        printf(
            "    <controller name=\"signals %d\" id=\"%d\" sequence=\"%d\">\n        <control signalId=\"%d\" type=\"0\"/>\n    "
            "</controller>\n",
            n->controller[i].id, n->controller[i].id, n->controller[i].sequence, n->controller[i].signal);
    for (int i = 0; i < n->junctions; i++)
        write_junction(n->junction[i]);
    printf("</OpenDRIVE>\n");
}
