import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/data.css";
import "./style/views.css";
import "./style/questions.css";
import "./style/sql.css";
import "./style/admin.css";
import "./style/dashboards.css";
import { render } from "preact";
import { App } from "./app";
import { applyTheme } from "./lib/theme";

applyTheme();
render(<App />, document.getElementById("page")!);
