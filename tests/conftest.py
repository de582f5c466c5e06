import os

os.environ["CRISPNET_CACHE"] = "off"  # tests neither rest on what earlier runs kept, nor leave anything in a home
