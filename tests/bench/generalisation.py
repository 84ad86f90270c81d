#!/usr/bin/env python3
"""How far does what a network learns here carry, and which part of the simulator carries it? Run by generalisation.sh.

Trains on two bundled maps (configs/collect/general_train.json, configs/train/general_base.json) and tests on
  same    the same maps with other scenery and other places
  third   a map that training never saw
  town10  CARLA's Town10HD in our simulator               (needs --towns)
  carla1  frames of CARLA 0.9.14 or later, Town10HD       (needs --frames-dir: *_rgb.png with *_labelIds.png)
  carla2  frames of CARLA before 0.9.10, another town     (the same folder: *_rgb.png with *_seg.png, old palette)
then trains again without one effect at a time. Prints markdown tables; DIR/results.json has every number. What is finished in DIR is
not done again, so an interrupted run goes on; same options and seed give the same numbers."""
import argparse
import copy
import json
import os
import shutil
import subprocess
import sys
import time

COLOUR = ('brightness', 'contrast', 'saturation', 'channel', 'gamma', 'noise')
GEOMETRY = ('flip', 'scale', 'rotation_deg', 'shear', 'shift')


def each_group(collect, **fields):
    for group in collect['episodes']:
        group.update(fields)


def one_town(collect, train):
    for group in collect['episodes']:
        group['towns'] = group['towns'][:1]


def clear_noon(collect, train):
    each_group(collect, weathers=['ClearNoon'], sun_azimuth_spread_deg=0, sun_altitude_spread_deg=0)


def no_vehicles(collect, train):
    each_group(collect, vehicles=0)


def one_map(collect, train):
    first = collect['episodes'][0]
    first['episodes'] = sum(g['episodes'] for g in collect['episodes'])
    collect['episodes'] = [first]


def not_smoothed(collect, train):
    collect['quality'] = 1


def plain(collect, train):
    collect['quality'] = 0


def no_camera_effects(collect, train):
    collect['camera_effects'] = False


def no_colour_changes(collect, train):
    train['augment'] = {key: 0 for key in COLOUR}


def no_geometry_changes(collect, train):
    train['augment'] = {key: 0 for key in GEOMETRY}


def no_augmentation(collect, train):
    train['augment'] = {'mode': 'off'}


# name, what is taken away, how. The first two differ only in the seed of weights, order and augmentation: their difference is noise.
VARIANTS = [
    ('base', 'nothing', None),
    ('again', 'nothing, another training seed', None),
    ('one-map', 'the second map (as many frames)', one_map),
    ('one-town', 'scenery seeds: one town per map', one_town),
    ('clear-noon', 'weathers: only clear noon, sun fixed', clear_noon),
    ('no-vehicles', 'standing vehicles', no_vehicles),
    ('not-smoothed', 'anti-aliasing', not_smoothed),
    ('plain', 'anti-aliasing and shadows', plain),
    ('no-camera-effects', "the camera's effects", no_camera_effects),
    ('no-colour-changes', 'colour augmentation', no_colour_changes),
    ('no-geometry-changes', 'flips, zoom, rotation, shift in training', no_geometry_changes),
    ('no-augmentation', 'all augmentation', no_augmentation),
]


class Failed(Exception):
    pass


class Experiment:
    def __init__(self, options):
        self.o = options
        self.began = time.time()
        self.collected = {}  # text of a collect config -> folder: variants of training alone share their frames

    def say(self, text):
        print('%5.0f s  %s' % (time.time() - self.began, text), file=sys.stderr, flush=True)

    def path(self, *parts):
        return os.path.join(self.o.out, *parts)

    def laneloop(self, *args, allowed=(0,)):
        done = subprocess.run([self.o.laneloop, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode not in allowed:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise Failed('laneloop %s: %s' % (' '.join(args), lines[-1] if lines else 'status %d' % done.returncode))
        return done.stdout

    def write(self, name, value):
        with open(self.path(name), 'w') as f:
            json.dump(value, f, indent=1)
        return self.path(name)

    def collect(self, name, config):
        text = json.dumps(config, sort_keys=True)
        if text not in self.collected:
            self.say('collect ' + name)
            folder = self.path(name)
            self.laneloop('collect', self.write(name + '.json', config), '--out', folder, '--json')
            self.collected[text] = folder
        return self.collected[text]

    def read(self, path):
        with open(path) as f:
            return json.load(f)

    def with_frames(self, config, frames):
        """The config's frames, shared out anew over its episodes."""
        episodes = sum(g['episodes'] for g in config['episodes'])
        each_group(config, frames=max(1, frames // episodes))
        return config

    def import_frames(self, name, suffix, label_format):
        folder = self.path(name)
        if not os.path.isdir(os.path.join(folder, 'episodes')):
            # status 1: pictures of the other kind lie in the same folder and are named as having no such label
            self.laneloop('dataset', 'import', self.o.frames_dir, '--rgb-suffix', '_rgb.png', '--label-suffix', suffix, '--format',
                          label_format, '--size', '256x128', '--out', folder, '--json', allowed=(0, 1))
            if not os.path.isdir(os.path.join(folder, 'episodes')):
                raise Failed('%s: no pair *_rgb.png, *%s could be imported' % (self.o.frames_dir, suffix))
        return folder

    def tests(self):
        tests = {}
        for name in ('same', 'third', 'town10'):
            config = self.with_frames(self.read('configs/collect/general_%s.json' % name), self.o.test_frames)
            if name == 'town10':
                if not self.o.towns:
                    continue
                each_group(config, map=os.path.join(self.o.towns, '2020', 'Town10HD.xodr'))
            config['seed'] += self.o.seed
            tests[name] = self.collect('test-' + name, config)
        if self.o.frames_dir:
            tests['carla1'] = self.import_frames('test-carla1', '_labelIds.png', 'tags')
            tests['carla2'] = self.import_frames('test-carla2', '_seg.png', 'palette')
        return tests

    def train(self, name, collect, train):
        run = self.path('run-' + name)
        if not os.path.isdir(os.path.join(run, 'model')):
            data = self.collect('train-' + name, collect)
            self.say('train ' + name)
            shutil.rmtree(run, ignore_errors=True)
            seed = self.o.seed + (1000 if name == 'again' else 0)
            self.laneloop('train', self.write('train-%s.config.json' % name, train), 'F', '--dataset', data, '--out', run, '--seed',
                          str(seed), '--json')
        return os.path.join(run, 'model')

    def run(self):
        os.makedirs(self.o.out, exist_ok=True)
        settings = {k: getattr(self.o, k) for k in ('frames', 'test_frames', 'epochs', 'seed')}
        kept = self.path('settings.json')
        if os.path.exists(kept) and self.read(kept) != settings:
            raise Failed('%s: made with other options, %s; choose another --out' % (self.o.out, self.read(kept)))
        self.write('settings.json', settings)
        base_collect = self.with_frames(self.read('configs/collect/general_train.json'), self.o.frames)
        base_collect['seed'] = self.o.seed
        base_train = self.read('configs/train/general_base.json')
        base_train['epochs'] = self.o.epochs
        tests = self.tests()
        results = []
        for name, without, change in VARIANTS:
            if self.o.only and name not in self.o.only:
                continue
            collect, train = copy.deepcopy(base_collect), copy.deepcopy(base_train)
            if change:
                change(collect, train)
            model = self.train(name, collect, train)
            row = {'name': name, 'without': without, 'tests': {}}
            for test, folder in tests.items():
                row['tests'][test] = json.loads(self.laneloop('eval', model, folder, '--json'))
            results.append(row)
            self.write('results.json', results)
        self.say('done')
        return results


def percent(value):
    return '-' if value is None else '%.1f' % (100 * value)


def classes_table(row):
    """IoU per class of one training on every test."""
    tests = row['tests']
    names = [c['name'] for c in next(iter(tests.values()))['classes']]
    print('| IoU, % | frames | ' + ' | '.join(names) + ' | road (drivable and lines) |')
    print('|---|---|' + '---|' * (len(names) + 1))
    for test, result in tests.items():
        print('| %s | %d | %s | %s |' % (test, result['frames'], ' | '.join(percent(c['iou']) for c in result['classes']),
                                         percent(result['road_iou'])))


def ablation_table(results):
    """Each cell: road IoU and lane line IoU, with the difference from the base behind them."""
    base = results[0]
    tests = list(base['tests'])
    print('| without | ' + ' | '.join('%s: road, line' % t for t in tests) + ' |')
    print('|---|' + '---|' * len(tests))
    for row in results:
        cells = []
        for t in tests:
            cell = []
            for key in ('road_iou', 'line_iou'):
                value, before = row['tests'][t][key], base['tests'][t][key]
                known = value is not None and before is not None and row is not base
                cell.append(percent(value) + (' (%+.1f)' % (100 * (value - before)) if known else ''))
            cells.append(', '.join(cell))
        print('| %s | %s |' % (row['without'], ' | '.join(cells)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--laneloop', default='build/release/laneloop')
    parser.add_argument('--out', default='runs/general', metavar='DIR')
    parser.add_argument('--frames', type=int, default=192, help='of each training (default 192)')
    parser.add_argument('--test-frames', type=int, default=48, help='of each test in our simulator (default 48)')
    parser.add_argument('--epochs', type=int, default=30)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--only', nargs='+', choices=[v[0] for v in VARIANTS], help='these trainings; base is needed for differences')
    parser.add_argument('--towns', default=os.environ.get('LANELOOP_TOWNS'), help="folder of CARLA's maps (default LANELOOP_TOWNS)")
    parser.add_argument('--frames-dir', default=os.environ.get('LANELOOP_CARLA_FRAMES'),
                        help="folder of CARLA's labelled frames (default LANELOOP_CARLA_FRAMES)")
    experiment = Experiment(parser.parse_args())
    try:
        results = experiment.run()
    except Failed as why:
        sys.exit('generalisation: %s' % why)
    o = experiment.o
    print('%d frames, %d epochs, seed %d, %.0f s\n' % (o.frames, o.epochs, o.seed, time.time() - experiment.began))
    classes_table(results[0])
    if len(results) > 1:
        print()
        ablation_table(results)


if __name__ == '__main__':
    main()
