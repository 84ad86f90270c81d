"""The bundled maps before ASAM's own OpenDRIVE checker (PyPI asam-qc-opendrive): the 1.4 schema, and what it knows of lanes and junctions.

    python asam_checker.py MAP.xodr ..."""
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

CONFIG = ('<Config><Param name="InputFile" value="%s"/><CheckerBundle application="xodrBundle">'
          '<Param name="resultFile" value="%s"/></CheckerBundle></Config>')
SCHEMA = 'check_asam_xodr_xml_valid_schema'


def judge(path):
    with tempfile.TemporaryDirectory() as folder:
        config, result = os.path.join(folder, 'config.xml'), os.path.join(folder, 'result.xqar')
        with open(config, 'w') as f:
            f.write(CONFIG % (os.path.abspath(path), result))
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), 'qc_opendrive'), '-c', config], capture_output=True, text=True)
        if not os.path.exists(result):
            return 0, False, [done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no result']
        checkers = list(xml.etree.ElementTree.parse(result).iter('Checker'))
    completed = [c for c in checkers if c.get('status') == 'completed']
    issues = ['%s line %s: %s' % (c.get('checkerId'), ', '.join(l.get('row') for l in i.iter('FileLocation')), i.get('description'))
              for c in checkers for i in c.findall('Issue')]
    return len(completed), any(c.get('checkerId') == SCHEMA for c in completed), issues


def main():
    failed = False
    for path in sys.argv[1:]:
        count, schema, issues = judge(path)
        good = schema and not issues
        failed |= not good
        print('%s %s: %d of ASAM\'s checks%s' % ('ok' if good else 'not ok', os.path.basename(path), count,
                                               '' if good else ': ' + '; '.join(issues[:3] or ['the schema was not checked'])))
    sys.exit(failed)


main()
