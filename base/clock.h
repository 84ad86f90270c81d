/* base/clock.h — wall time for measuring and waiting; never for results. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/* Seconds of a monotonic clock with an arbitrary origin. */
double base_clock_s(void);
void base_sleep_s(double seconds);
#endif
