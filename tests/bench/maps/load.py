"""Time and memory to load a map: ours against CARLA's official client, each in processes of their own, the best of several runs.

    build/interop-venv-0.9.16/bin/python tests/bench/maps/load.py build/release/tools/mapask MAP.xodr ...

"ours" reads the file and links, indexes and checks everything; "ours as CARLA" adds the index that answers get_waypoint as CARLA
does; "CARLA" is carla.Map(name, text). Memory is the growth of resident memory meanwhile."""
import json
import os
import subprocess
import sys
import time

RUNS = 5


def resident():
    with open('/proc/self/statm') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGESIZE')


def official(path):
    """In a process of its own: seconds and bytes of carla.Map."""
    import carla
    with open(path) as f:
        text = f.read()
    before, start = resident(), time.perf_counter()
    world = carla.Map('map', text)
    print(json.dumps([time.perf_counter() - start, resident() - before]))
    sys.stdout.flush()
    del world
    os._exit(0)


def best(command, given=None):
    runs = [json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout) for _ in range(RUNS)]
    return [min(r[i] for r in runs) for i in range(len(runs[0]))]


def main():
    program, paths = sys.argv[1], sys.argv[2:]
    print('| map | ours ms | as CARLA ms | CARLA ms | ratio | ours MB | as CARLA MB | CARLA MB | ratio |')
    print('|---|---|---|---|---|---|---|---|---|')
    for path in paths:
        read_s, read_b, index_s, index_b = best([program, path], 'load\n')
        their_s, their_b = best([sys.executable, os.path.abspath(__file__), '--official', path])
        title = '/'.join(os.path.abspath(path).split('/')[-2:])
        print('| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |' % (
            title, read_s * 1e3, (read_s + index_s) * 1e3, their_s * 1e3, their_s / (read_s + index_s),
            read_b / 1e6, (read_b + index_b) / 1e6, their_b / 1e6, their_b / max(read_b + index_b, 1)), flush=True)


if len(sys.argv) == 3 and sys.argv[1] == '--official':
    official(sys.argv[2])
elif len(sys.argv) < 3:
    sys.exit(__doc__)
else:
    main()
