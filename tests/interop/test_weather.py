"""Weather: every preset comes back as it was set; in the manner of CARLA's dynamic_weather.py the sky changes, and cameras see it."""
import math

import carla
from common import camera, check, connect, main, near, pixels, synchronous, take


def fields(weather):
    return {k: getattr(weather, k) for k in dir(weather) if isinstance(getattr(weather, k), float)}


def clamp(value, low=0.0, high=100.0):
    return max(low, min(value, high))


class Sky:
    """A sun that goes round and a storm that comes and goes, as the example's Sun and Storm do."""

    def __init__(self, weather):
        self.weather, self.t, self.storm, self.rising = weather, 0.0, weather.cloudiness, True

    def step(self, seconds):
        self.t = (self.t + 0.05 * seconds) % (2 * math.pi)
        self.storm = clamp(self.storm + (1 if self.rising else -1) * 1.3 * seconds, -250, 100)
        self.rising = self.storm < 100 and (self.rising or self.storm <= -250)
        w = self.weather
        w.sun_azimuth_angle = (w.sun_azimuth_angle + 0.25 * seconds) % 360
        w.sun_altitude_angle = 70 * math.sin(self.t) - 20
        w.cloudiness = clamp(self.storm + 40, 0, 90)
        w.precipitation = clamp(self.storm, 0, 80)
        w.precipitation_deposits = clamp(self.storm + 20, 0, 85)
        w.wetness = clamp(self.storm * 5, 0, 100)
        w.fog_density = clamp(self.storm - 10, 0, 30)
        return w


def run(server, version):
    client = connect(server)
    world = client.get_world()
    presets = sorted(n for n in dir(carla.WeatherParameters) if isinstance(getattr(carla.WeatherParameters, n), carla.WeatherParameters))
    check('there are presets', len(presets) > 14, presets)
    for name in presets:
        wanted = getattr(carla.WeatherParameters, name)
        world.set_weather(wanted)
        got = fields(world.get_weather())
        wrong = [k for k, v in fields(wanted).items() if not near(got[k], v, 1e-4)]
        check('preset %s comes back' % name, not wrong, wrong)

    synchronous(world)
    start = world.get_map().get_spawn_points()[0]
    eye, images = camera(world, 'rgb', carla.Transform(start.location + carla.Location(z=2), start.rotation))
    weather = carla.WeatherParameters.ClearNoon
    sky, light = Sky(weather), []
    same = True
    for i in range(120):
        weather = sky.step(2.0)
        world.set_weather(weather)
        image = take(images, world.tick())
        light.append((weather.sun_altitude_angle, float(pixels(image)[:, :, :3].mean())))
        got, wanted = fields(world.get_weather()), fields(weather)
        same &= all(near(got[k], wanted[k], 1e-3) for k in wanted)
    check('changing weather comes back at every step', same)
    day = [v for altitude, v in light if altitude > 30]
    night = [v for altitude, v in light if altitude < -30]
    check('the sun rose and set', len(day) > 5 and len(night) > 5, (len(day), len(night)))
    check('nights are darker than days', sum(night) / len(night) < 0.6 * sum(day) / len(day), (sum(day) / len(day), sum(night) / len(night)))
    check('camera destroyed', eye.destroy())
    try:
        broken = carla.WeatherParameters.ClearNoon
        broken.cloudiness = float('nan')
        world.set_weather(broken)  # sent without waiting: the answer is dropped
    except RuntimeError:
        pass
    check('a weather that is no number changes nothing', all(math.isfinite(v) for v in fields(world.get_weather()).values()))


main(run)
