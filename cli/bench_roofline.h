/* cli/bench_roofline.h — each node's rate against what processor and memory allow at its operations per byte (Williams, Waterman,
 * Patterson: Roofline, 2009), as an SVG picture.
 *
 * A dot per convolution and kind of work: operations and bytes as bench_profile counts them, least time of all rounds. The roof is the lesser of
 * the measured multiply-add peak and the measured rate of copying large blocks times operations per byte. Dots above it are no error:
 * Winograd does fewer multiplications than are counted, and tensors that fit a core's own cache do not pay for memory. Dots below
 * half of the roof carry their names. */
#ifndef CLI_BENCH_ROOFLINE_H
#define CLI_BENCH_ROOFLINE_H
#include "cli/bench_profile.h"

/* profile->copy must be measured. Fails when no node multiplies or the file cannot be written. */
bool bench_roofline_write(const char *path, const bench_profile *profile, const char *title, base_error *err);
#endif
