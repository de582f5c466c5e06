import os

os.environ["CRISPNET_CACHE"] = "off"  # tests neither rest on what earlier runs kept, nor leave anything in a home
# There are as many workers as cores; with threads of their own they would wait for each other's, spinning.
os.environ["OMP_NUM_THREADS"] = "1"
