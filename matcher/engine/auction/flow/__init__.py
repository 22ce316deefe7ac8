"""Residual flow between demands and peers: as many units as can be had, prices aside or not."""
