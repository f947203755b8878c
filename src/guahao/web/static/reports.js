// Draws the charts of a report from the JSON beside them. The page's policy allows no inline
// style, so that tooltips are drawn on the canvas (richText). Without scripts the tables stand
// alone. Colours are named by what they stand for; chosen so that they differ for every kind of
// colour vision, and in brightness.
"use strict";
(() => {
  const COLOURS = {
    made: "#4a98d8", booked: "#7fb5e0", picked_up: "#0f6e56", cancelled: "#a9afb7", no_show: "#dd6b26", other: "#4a2c6b",
    sold_out: "#4a98d8", limits: "#0f6e56", time: "#a9afb7", suspended: "#dd6b26",
    failed: "#b3181f", expired: "#d3a52c",
    fast_1: "#0a3560", fast_2: "#1d63a3", fast_3: "#7fb5e0", fast_4: "#cfe3f3",
  };
  const DASHES = { cancelled: [6, 4], time: [6, 4], expired: [6, 4], no_show: [2, 3], suspended: [2, 3], other: [8, 3, 2, 3] };
  const HEAT = ["#f3f6f9", "#cfe3f3", "#8fc0e4", "#4a98d8", "#1d63a3", "#0a3560"];
  const INK = "#191919", GREY = "#595959", LINE = "#e3e5e8";
  const FONT = getComputedStyle(document.body).fontFamily;
  const BAR_PX = 26, HEAT_PX = 26, HEIGHT_PX = 340, NAME_PX = 16, PRINT_PX = 680;
  // On a phone the names leave room for the bars.
  const IS_NARROW = innerWidth < 600;
  const LABEL_PX = IS_NARROW ? 104 : 230;
  const language = document.documentElement.lang;
  const number = new Intl.NumberFormat(language);
  // 2026-12-03 as 12/3; a month stays as it is.
  const short = (day) => (day.length > 7 ? `${Number(day.slice(5, 7))}/${Number(day.slice(8))}` : day);

  const tooltip = { renderMode: "richText", confine: true, backgroundColor: "#fff", borderColor: "#8a8a8a", textStyle: { color: INK, fontSize: 13, fontFamily: FONT }, transitionDuration: 0 };
  const base = () => ({ animation: false, textStyle: { fontFamily: FONT, color: INK }, tooltip: { ...tooltip } });
  const category = (data, more) => ({ type: "category", data, axisLine: { lineStyle: { color: "#8a8a8a" } }, axisTick: { show: false }, axisLabel: { color: GREY, fontSize: 12 }, ...more });
  const value = (more) => ({ type: "value", minInterval: 1, splitLine: { lineStyle: { color: LINE } }, axisLabel: { color: GREY, fontSize: 12, formatter: (n) => number.format(n) }, ...more });
  const listed = (points, first) => [first, ...points.map((p) => `${p.marker}${p.seriesName}  ${number.format(p.value)}`)].join("\n");

  // Over days: a line each, its name at its end.
  const lines = (chart) => ({
    ...base(),
    grid: { left: 56, right: 170, top: 24, bottom: 36 },
    tooltip: { ...tooltip, trigger: "axis", formatter: (points) => listed(points, points[0].name) },
    xAxis: category(chart.categories, { boundaryGap: chart.categories.length === 1, axisLabel: { color: GREY, fontSize: 12, formatter: short } }),
    yAxis: value(),
    series: chart.series.map(({ colour, name, values }) => ({
      type: "line", name, data: values, color: COLOURS[colour], symbol: "circle", symbolSize: 5, showSymbol: values.length < 40,
      lineStyle: { width: 2, type: DASHES[colour] || "solid" },
      endLabel: { show: true, formatter: "{a}", color: INK, fontSize: 12, distance: 8 },
      emphasis: { disabled: true },
    })),
  });

  // The names at the ends of lines that end close together, moved apart.
  const spread = (drawn, chart) => {
    const ends = chart.series.map(({ values }, index) => ({ index, y: drawn.convertToPixel({ yAxisIndex: 0 }, values.at(-1) ?? 0) }));
    ends.sort((one, other) => other.y - one.y);
    let below = Infinity;
    const offsets = [];
    for (const { index, y } of ends) {
      below = Math.min(y, below - NAME_PX);
      offsets[index] = below - y;
    }
    drawn.setOption({ series: offsets.map((offset) => ({ endLabel: { offset: [0, offset] } })) });
  };

  // Groups from top to bottom, stacked from left to right.
  const bars = (chart) => ({
    ...base(),
    grid: { left: LABEL_PX, right: 64, top: chart.series.length > 1 ? 44 : 16, bottom: chart.axis ? 44 : 32 },
    legend: chart.series.length > 1 ? { top: 8, left: IS_NARROW ? 8 : LABEL_PX, itemWidth: 14, itemHeight: 14, itemGap: 20, selectedMode: false, textStyle: { color: INK, fontSize: 12 } } : undefined,
    tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: "shadow" }, formatter: (points) => listed(points, points[0].name) },
    yAxis: category(chart.categories, { inverse: true, axisLabel: { color: INK, fontSize: 12, width: LABEL_PX - 16, overflow: "truncate" } }),
    xAxis: value({ name: chart.axis, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: GREY } }),
    series: chart.series.map(({ colour, name, values }, index) => ({
      type: "bar", name, stack: "all", data: values, color: COLOURS[colour], barMaxWidth: 18,
      itemStyle: { borderColor: "#fff", borderWidth: 1 }, emphasis: { disabled: true },
      label: index === chart.series.length - 1
        ? { show: true, position: "right", color: INK, fontSize: 12, formatter: ({ dataIndex }) => number.format(chart.series.reduce((sum, one) => sum + one.values[dataIndex], 0)) }
        : undefined,
    })),
  });

  // A distribution.
  const columns = (chart) => ({
    ...base(),
    grid: { left: 56, right: 24, top: 32, bottom: chart.axis ? 52 : 36 },
    tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: "shadow" }, formatter: (points) => listed(points, chart.axis ? `${chart.axis} ${points[0].name}` : points[0].name) },
    xAxis: category(chart.categories, { name: chart.axis, nameLocation: "middle", nameGap: 30, nameTextStyle: { color: GREY } }),
    yAxis: value(),
    series: chart.series.map(({ colour, name, values }) => ({
      type: "bar", name, data: values, color: COLOURS[colour], barMaxWidth: 64, emphasis: { disabled: true },
      label: { show: values.length <= 12, position: "top", color: INK, fontSize: 12, formatter: ({ value: n }) => number.format(n) },
    })),
  });

  // Rows by columns: the darker the fuller, and the number in each cell.
  const heat = (chart) => ({
    ...base(),
    grid: { left: LABEL_PX, right: 24, top: 32, bottom: 52 },
    tooltip: { ...tooltip, formatter: ({ value: [x, y, share, booked, places] }) => `${chart.rows[y]} · ${chart.categories[x]}\n${share}%  (${number.format(booked)} / ${number.format(places)})` },
    xAxis: category(chart.categories, { position: "top", axisLine: { show: false }, axisLabel: { color: INK, fontSize: 12 } }),
    yAxis: category(chart.rows, { inverse: true, axisLine: { show: false }, axisLabel: { color: INK, fontSize: 12, width: LABEL_PX - 16, overflow: "truncate" } }),
    visualMap: { type: "continuous", min: 0, max: 100, dimension: 2, calculable: false, orient: "horizontal", left: LABEL_PX, bottom: 8, itemWidth: 12, itemHeight: 160, text: ["100%", "0%"], textStyle: { color: GREY }, inRange: { color: HEAT } },
    series: [{
      type: "heatmap", data: chart.cells.map((cell) => ({ value: cell, label: { color: cell[2] >= 50 ? "#fff" : INK } })), encode: { x: 0, y: 1, value: 2 },
      label: { show: true, fontSize: 12, formatter: ({ value: cell }) => `${cell[2]}%` },
      itemStyle: { borderColor: "#fff", borderWidth: 2 }, emphasis: { disabled: true },
    }],
  });

  const DRAW = { lines, bars, columns, heat };
  const height = (chart) => {
    if (chart.kind === "bars") return chart.categories.length * BAR_PX + 100;
    return chart.kind === "heat" ? chart.rows.length * HEAT_PX + 92 : HEIGHT_PX;
  };

  const draw = (place) => {
    const chart = JSON.parse(place.nextElementSibling.textContent);
    place.style.height = `${height(chart)}px`;
    place.append(document.createElement("div"));
    place.firstChild.style.height = "100%";
    const drawn = echarts.init(place.firstChild, null, { renderer: "canvas" });
    drawn.setOption(DRAW[chart.kind](chart));
    const settle = (width) => { drawn.resize({ width }); if (chart.kind === "lines") spread(drawn, chart); };
    new ResizeObserver(() => settle("auto")).observe(place);
    // Paper is narrower than the screen, and nothing tells how much.
    addEventListener("beforeprint", () => settle(PRINT_PX));
    addEventListener("afterprint", () => settle("auto"));
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-chart]").forEach(draw);
    // Another hospital has other departments.
    document.querySelectorAll("[data-empties]").forEach((select) => select.addEventListener("change", () => {
      const other = document.getElementById(select.dataset.empties);
      if (other) other.value = "";
    }));
  });
})();
