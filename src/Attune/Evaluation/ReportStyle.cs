namespace Attune.Evaluation;

/// <summary>
/// The report's look: one style sheet, inline in the page. It avoids the child combinator and every other character that XML escapes,
/// because a browser reads a style element's text unescaped.
/// </summary>
internal static class ReportStyle
{
    public static string Css => Colours + Page + SvgPlot.Css + Print;

    // Text and links keep at least 4.5:1 against their background in both schemes.
    private const string Colours = """
        :root { color-scheme: light dark; --paper: #faf9f6; --card: #ffffff; --ink: #1c2430; --muted: #566073; --line: #e2dfd7; --shade: #1c243026; --accent: #0d6668;
          --tint: #e7f1f0; --good: #1d6b3f; --bad: #a03123; --warn: #fbf1dc;
          --c1: #0f7173; --c2: #b4531f; --c3: #5a4fa2; --c4: #86690a; --c5: #a3345f; --c6: #8e9aab; }
        @media (prefers-color-scheme: dark) { :root { --paper: #13171d; --card: #1a2028; --ink: #e9e6e0; --muted: #a5aebd; --line: #303844; --shade: #000000a0; --accent: #6ccac4;
          --tint: #1b3234; --good: #7fd0a0; --bad: #f0988a; --warn: #352c18;
          --c1: #58bdb8; --c2: #eb9a63; --c3: #ada4f2; --c4: #d9b84a; --c5: #e885ab; --c6: #66748a; } }

        """;

    private const string Page = """
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
        main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
        h1, h2, .big { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, "Liberation Serif", serif; font-weight: 600; letter-spacing: -.01em; line-height: 1.15; text-wrap: balance; }
        h1 { font-size: clamp(1.8rem, 5vw, 2.7rem); margin: .2em 0 .3em; } h2 { font-size: 1.55rem; margin: 0 0 .4rem; } h3 { font-size: 1rem; margin: 0 0 .6rem; }
        p { margin: 0 0 .9rem; max-width: 68ch; } .lede, .note { color: var(--muted); } .note { font-size: .85rem; margin-top: .6rem; max-width: 84ch; }
        a { color: var(--accent); text-underline-offset: .2em; } a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        a.n { color: inherit; text-decoration: underline dotted var(--muted) 1px; } a.n:hover { color: var(--accent); text-decoration-style: solid; }
        .eyebrow { color: var(--muted); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; margin: 2.2rem 0 0; }
        .hero { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: clamp(18px, 4vw, 36px); margin: 1.4rem 0; display: grid; gap: 1.2rem 2.5rem; }
        .big { font-size: clamp(3.6rem, 15vw, 6.2rem); line-height: 1; margin: 0; color: var(--accent); font-variant-numeric: lining-nums; white-space: nowrap; } .big a.n { text-decoration: none; } .big small { font-size: .5em; font-weight: 400; margin-left: .08em; }
        .claim { font-size: 1.15rem; line-height: 1.45; margin: 0 0 .6rem; }
        .strip { display: flex; height: 14px; border-radius: 7px; overflow: hidden; gap: 2px; margin: 1rem 0 .4rem; } .strip span { min-width: 2px; flex-basis: 0; } .w { background: var(--c1); } .t { background: var(--line); } .l { background: var(--c2); }
        .key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem; color: var(--muted); margin: 0; padding: 0; list-style: none; } .key i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .4em; }
        .checks { list-style: none; margin: 0; padding: 0; display: grid; gap: .1rem 2rem; font-size: .93rem; align-content: start; } .checks li { display: flex; gap: .6em; padding: .35rem 0; border-top: 1px solid var(--line); } .checks li span { flex: 1; }
        .yes { color: var(--good); font-weight: 700; } .no { color: var(--bad); font-weight: 700; }
        .warnings { background: var(--warn); border-radius: 10px; padding: .9rem 1.2rem; margin: 1.2rem 0; } .warnings ul { margin: .3rem 0 0; padding-left: 1.2rem; }
        nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; font-size: .92rem; } nav a { display: inline-block; padding: .35rem 0; }
        section { margin: 3.2rem 0 0; } .sub { margin-top: 1.8rem; }
        .grid { display: grid; gap: 1.1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); margin: 1rem 0; align-items: start; }
        figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .9rem; min-width: 0; } figure .plot { max-width: 420px; margin: 0 auto; }
        figcaption { font-size: .88rem; color: var(--muted); margin-bottom: .7rem; } figcaption b { color: var(--ink); display: block; font-size: .95rem; }
        .scroll { overflow-x: auto; background: linear-gradient(90deg, var(--card) 30%, transparent) local, linear-gradient(270deg, var(--card) 30%, transparent) right local, linear-gradient(90deg, var(--shade), transparent) scroll, linear-gradient(270deg, var(--shade), transparent) right scroll; background-color: var(--card); background-repeat: no-repeat; background-size: 40px 100%, 40px 100%, 12px 100%, 12px 100%; border: 1px solid var(--line); border-radius: 12px; margin: 1rem 0; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; } caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        th, td { padding: .5rem .65rem; text-align: left; vertical-align: baseline; border-top: 1px solid var(--line); } thead th { border-top: 0; color: var(--muted); font-weight: 500; font-size: .82rem; vertical-align: bottom; }
        tbody th { font-weight: 600; position: sticky; left: 0; background: var(--card); min-width: 7.5rem; max-width: 13rem; } td { white-space: nowrap; } .num { text-align: right; } tr.strong td, tr.strong th { background: var(--tint); }
        .sample { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.1rem; margin: 0 0 1rem; }
        .sample .answers { display: grid; gap: 1rem 1.6rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); margin-top: .9rem; } .sample h4 { margin: 0 0 .2rem; font-size: .82rem; color: var(--muted); font-weight: 600; display: flex; gap: .4em 1em; flex-wrap: wrap; justify-content: space-between; } .sample h4 span { font-weight: 400; font-variant-numeric: tabular-nums; }
        .text { white-space: pre-wrap; margin: 0; overflow-wrap: anywhere; max-width: none; } .prompt { font-weight: 600; } .verdict { font-size: .85rem; color: var(--muted); margin: .8rem 0 0; }
        dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .35rem 1.4rem; margin: 1rem 0; font-size: .93rem; } dt { color: var(--muted); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
        details { margin: .5rem 0; } summary { cursor: pointer; padding: .35rem 0; } summary b { font-weight: 600; } details.round { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: .6rem; } details.round section { margin-top: 1.8rem; }
        .source { border-top: 1px solid var(--line); padding: .2rem 0; } .source small { color: var(--muted); } code, .rows { font-family: ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; font-size: .8rem; } .rows td, .rows th { white-space: nowrap; font-weight: 400; position: static; } .rows div { line-height: 1.5; }
        .scroll.tall { max-height: 26rem; overflow-y: auto; } .source:has(:target), .source:target { background: var(--tint); outline: 8px solid var(--tint); border-radius: 2px; }
        footer { color: var(--muted); font-size: .85rem; padding-top: 2.5rem; padding-bottom: 3rem; }
        @media (min-width: 820px) { .hero { grid-template-columns: minmax(0, 6fr) minmax(0, 5fr); } }

        """;

    private const string Print = """

        @media print { :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #bbb; --tint: #f0f0f0; } body { font-size: 10.5pt; } nav { display: none; } section, figure, .sample, tr { break-inside: avoid; } section { break-inside: auto; margin-top: 1.6rem; } .scroll { overflow: visible; max-height: none; border: 0; } table { font-size: 8pt; } th, td { padding: .2rem .35rem; } a.n { text-decoration: none; } .samples::details-content { content-visibility: visible; block-size: auto; } }
        """;
}
