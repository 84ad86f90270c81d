#include "base/progress.h"
#include "base/clock.h"
#include <unistd.h>

base_progress base_progress_start(FILE *out, const char *what, uint64_t total)
{
    double now = base_clock_s();
    return (base_progress){
        .out = out, .terminal = out && isatty(fileno(out)), .what = what, .total = total, .started_s = now, .printed_s = now
    };
}

static void print_bar(const base_progress *p, uint64_t done, const char *note, double now)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    double share = p->total ? (double)done / (double)p->total : 0;
    if (share > 1)
        share = 1;
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < (int)(share * WIDTH) ? '#' : '.';
    bar[WIDTH] = 0;
    double spent = now - p->started_s, left = share > 0 ? spent / share - spent : 0;
    fprintf(p->out, "\r%s [%s] %llu/%llu %3.0fs left %s\033[K", p->what, bar, (unsigned long long)done,
            (unsigned long long)p->total, left, note ? note : "");
    fflush(p->out);
}

static void print_line(const base_progress *p, uint64_t done, const char *note, double now)
{
    fprintf(p->out, "%s %llu/%llu %.0fs %s\n", p->what, (unsigned long long)done, (unsigned long long)p->total,
            now - p->started_s, note ? note : "");
    fflush(p->out);
}

void base_progress_step(base_progress *p, uint64_t done, const char *note)
{
    if (!p || !p->out)
        return;
    double now = base_clock_s();
    if (now - p->printed_s < (p->terminal ? 0.2 : 10.0))
        return;
    p->printed_s = now;
    if (p->terminal)
        print_bar(p, done, note, now);
    else
        print_line(p, done, note, now);
}

void base_progress_end(base_progress *p, uint64_t done, const char *note)
{
    if (!p || !p->out)
        return;
    if (p->terminal)
        fputs("\r\033[K", p->out);
    print_line(p, done, note, base_clock_s());
}
