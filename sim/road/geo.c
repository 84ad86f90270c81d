/* Where on Earth a map lies: its geoReference, and degrees for a location. */
#include "sim/road/road_map.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "+lat_0=49 +lon_0=8" within a proj string; CARLA's defaults when either is missing. */
void road_geo_read(road_map *m, const char *text, locale_t c_locale)
{
    const char *lat = strstr(text, "+lat_0="), *lon = strstr(text, "+lon_0=");
    double a = NAN, b = NAN;
    if (lat && lon) {
        a = strtod_l(lat + 7, NULL, c_locale);
        b = strtod_l(lon + 7, NULL, c_locale);
    }
    bool good = isfinite(a) && isfinite(b) && fabs(a) < 90 && fabs(b) <= 360;
    m->latitude_deg = good ? a : 42;
    m->longitude_deg = good ? b : 2;
}

base_vec3 road_map_geolocation(const road_map *m, base_vec3 at)
{
    const double radius = 6378137.0; /* CARLA's EARTH_RADIUS_EQUA */
    double scale = cos(BASE_RAD(m->latitude_deg));
    double mx = scale * BASE_RAD(m->longitude_deg) * radius + at.x;
    double my = scale * radius * log(tan((90 + m->latitude_deg) * BASE_PI / 360)) - at.y;
    return (base_vec3){ 360 * atan(exp(my / (radius * scale))) / BASE_PI - 90, mx * 180 / (BASE_PI * radius * scale), at.z };
}
