"""Stands in for OpenCV, which is imported for transforms that are not asked for."""
