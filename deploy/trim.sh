#!/bin/sh
# Takes out of an image's site-packages what nothing there can use: trim.sh FOLDER
set -eu
cd "$1"
# Packages' own tests; music21 imports its folder of them when it is imported itself.
find . -type d \( -name tests -o -name SelfTest \) -not -path './music21/*' -prune -exec rm -rf {} +
# music21's corpus of scores: the modules beside them stay.
if [ -d music21/corpus ]; then find music21/corpus -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +; fi
# To extend torch in C++ takes a compiler, which the image has not. Of its programs torch starts one, and asks for it when
# it is imported.
rm -rf torch/include torch/share
if [ -d torch/bin ]; then find torch/bin -type f -not -name torch_shm_manager -delete; fi
find . -name '*.a' -delete
# For type checkers and compilers.
find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.h' -o -name '*.c' -o -name '*.cpp' \) -delete
# Nobody imports it: matplotlib does for PDF and PostScript only. Bytecode of the rest stays, or every start would make it.
if [ -d fontTools ]; then find fontTools -type d -name __pycache__ -prune -exec rm -rf {} +; fi
