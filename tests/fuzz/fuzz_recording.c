/* Any bytes as a recorder file: what is accepted must be walked, described and searched inside its bytes. */
#include "sim/town/recording.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size + 1);
    recording r;
    base_error err;
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (!recording_parse(&r, copy, size, "fuzz", &err))
        return 0;
    base_buffer out = { .max_bytes = (size_t)16 << 20 };
    recording_describe(&r, true, &out);
    base_buffer_clear(&out);
    recording_describe(&r, false, &out);
    recording_collisions(&r, 'a', 'a', &out);
    recording_blocked(&r, 0, 100, &out);
    recording_item *item = malloc(sizeof *item);
    for (size_t f = 0; item && f < r.frame_count; f++) {
        recording_walk w = recording_walk_frame(&r, f);
        while (recording_next(&w, item))
            if (!isfinite(item->pose.location.x))
                abort();
    }
    free(item);
    base_buffer_free(&out);
    recording_free(&r);
    return 0;
}
