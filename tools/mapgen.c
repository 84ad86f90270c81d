/* mapgen — writes the OpenDRIVE maps of this project.
 *
 *     mapgen training_loop > configs/maps/training_loop.xodr
 *
 * What each map is stands in tools/maps/. */
#include "tools/maps/highway.h"
#include "tools/maps/loops.h"
#include "tools/maps/town.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    net *(*build)(void);
} maps[] = {
    { "training_loop", loops_training }, { "driving_loop", loops_driving }, { "country_loop", loops_country },
    { "mountain_road", loops_mountain }, { "town_grid", town_grid },        { "highway_ring", highway_ring },
};
enum { MAPS = sizeof maps / sizeof *maps };

int main(int argc, char **argv)
{
    for (int i = 0; argc == 2 && i < MAPS; i++) {
        if (strcmp(argv[1], maps[i].name) != 0)
            continue;
        net *n = maps[i].build();
        net_write(n);
        net_destroy(n);
        if (fflush(stdout) != 0) {
            perror("mapgen: standard output");
            return 1;
        }
        return 0;
    }
    fprintf(stderr, "usage: mapgen NAME > NAME.xodr\nNAME is one of:");
    for (int i = 0; i < MAPS; i++)
        fprintf(stderr, " %s", maps[i].name);
    fprintf(stderr, "\n");
    return 2;
}
