"""How questions are asked, whatever family they came through: from the answers that are kept, within limits, measured."""
