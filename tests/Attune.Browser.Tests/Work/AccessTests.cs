using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>What every page owes to everybody: names for its controls, contrast, a focus that is seen, a heading and a title, no sideways scrolling on a phone.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class AccessTests(WorkSite site)
{
    // Everything that is wrong with a page, in words.
    private const string Audit = """
        async () => {
          const faults = [];
          const shown = element => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getClientRects().length > 0;
          const told = element => `${element.tagName.toLowerCase()}[${element.name || element.id || element.className}] "${(element.textContent || '').trim().slice(0, 40)}"`;
          if (!document.documentElement.lang) faults.push('the page has no language');
          if (document.title.trim().length < 3 || document.title.startsWith(' ')) faults.push(`the title is "${document.title}"`);
          if (document.querySelectorAll('h1').length !== 1) faults.push(`${document.querySelectorAll('h1').length} first headings`);
          if (!document.querySelector('main#content') || document.querySelector('a.skip')?.getAttribute('href') !== '#content') faults.push('no way to skip to the content');
          if (document.documentElement.scrollWidth > innerWidth) {
            faults.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${innerWidth}`);
            for (const element of document.querySelectorAll('main *')) if (element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.wide, pre')) { faults.push(`too wide: ${told(element)}`); break; }
          }
          const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
          for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`the id ${id} is there twice`);
          const nameOf = element => element.getAttribute('aria-label') || (element.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.textContent).join('')
            || [...(element.labels || [])].map(label => label.textContent).join('') || element.title || element.textContent || (element.type === 'submit' && element.value) || '';
          for (const element of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [tabindex="0"]')) {
            if (shown(element) && !nameOf(element).trim()) faults.push(`no name: ${told(element)}`);
          }
          for (const element of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
            for (const attribute of ['aria-describedby', 'aria-labelledby']) for (const id of (element.getAttribute(attribute) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) faults.push(`${attribute}="${id}" leads nowhere`);
          }
          for (const element of document.querySelectorAll('main *')) {
            const style = getComputedStyle(element);
            const scrolls = (element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(style.overflowX)) || (element.scrollHeight > element.clientHeight + 1 && /auto|scroll/.test(style.overflowY));
            if (scrolls && shown(element) && element.tabIndex < 0 && !element.querySelector('a[href], button, input, select, textarea, summary, [tabindex="0"]')) faults.push(`scrolls, but not by keyboard: ${told(element)}`);
          }
          const levels = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(shown).map(heading => Number(heading.tagName[1]));
          levels.forEach((level, at) => { if (at > 0 && level > levels[at - 1] + 1) faults.push(`a heading of level ${level} follows one of level ${levels[at - 1]}`); });
          for (const image of document.querySelectorAll('img:not([alt]), svg:not([aria-label], [aria-labelledby], [aria-hidden])')) faults.push(`a picture without words: ${told(image)}`);
          for (const cell of document.querySelectorAll('table')) if (!cell.querySelector('th')) faults.push(`a table without heads: ${told(cell)}`);
          for (const group of document.querySelectorAll('fieldset')) if (shown(group) && !group.querySelector('legend')?.textContent.trim() && !group.getAttribute('aria-label')) faults.push(`a group without a name: ${told(group)}`);
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
          const over = (top, below) => top.slice(0, 3).map((value, at) => value * top[3] + below[at] * (1 - top[3]));
          const ground = element => { const layers = []; for (let at = element; at; at = at.parentElement) { layers.push(rgba(getComputedStyle(at).backgroundColor)); if (layers.at(-1)[3] === 1) break; } return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]); };
          const light = color => { const [r, g, b] = color.map(value => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const contrast = (one, other) => { const [high, low] = [light(one), light(other)].sort((a, b) => b - a); return (high + 0.05) / (low + 0.05); };
          for (const element of document.querySelectorAll('body *')) {
            if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()) || !shown(element) || element.closest(':disabled, .hidden, .skip, script, style, option')) continue;
            const style = getComputedStyle(element);
            const size = parseFloat(style.fontSize);
            const wanted = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
            const below = ground(element);
            const found = contrast(over(rgba(style.color), below), below);
            if (found < wanted) faults.push(`contrast ${found.toFixed(2)}: ${told(element)}`);
          }
          for (const element of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')) {
            if (!shown(element) || element.disabled) continue;
            element.focus({ focusVisible: true });
            if (document.activeElement !== element) continue;
            const seen = [element, element.closest('label'), element.nextElementSibling].filter(Boolean).some(part => { const style = getComputedStyle(part); return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; });
            if (!seen) faults.push(`focus is not seen: ${told(element)}`);
          }
          return [...new Set(faults)];
        }
        """;

    private static readonly (string Name, object[] Lines)[] Kinds =
    [
        ("pair", [new { kind = "pair", id = "a", prompt = Long, answers = new[] { new { source = "a", text = Long }, new { source = "b", text = "Kurz." } } }]),
        ("rank", [new { kind = "rank", id = "a", prompt = "Which?", answers = Enumerable.Range(0, 9).Select(n => new { source = "a", text = $"{n} {Long}" }) }]),
        ("best", [new { kind = "best", id = "a", prompt = "Which?", answers = Enumerable.Range(0, 4).Select(n => new { source = "a", text = $"{n} {Long}" }) }]),
        ("rate", [new { kind = "rate", id = "a", prompt = "How good?", answers = new[] { new { source = "a", text = Long }, new { source = "b", text = "Kurz." } } }]),
        ("labels", [new { kind = "rate", id = "a", prompt = "How good?", answers = new[] { new { source = "a", text = Long } } }]),
        ("question", [new { kind = "question", id = "a", prompt = Long, questions = new[] { new { id = "q", text = "Which is it?", type = "choice", options = Enumerable.Range(0, 9).Select(n => new { id = $"o{n}", text = $"Option {n} {Word}" }) } } }]),
        ("write", [new { kind = "write", id = "a", prompt = Long }]),
        ("verify", [new { kind = "verify", id = "a", prompt = "Write.", text = Long, round = 0 }]),
        ("fix", [new { kind = "fix", id = "a", prompt = "Write.", text = Long, round = 0, reasons = new[] { Long } }]),
        ("message", [new { kind = "message", id = "a", topic = Long }]),
        ("review", [new { kind = "review", id = "a", thread = new[] { new { role = "prompter", text = Long }, new { role = "assistant", text = "مرحبا بالعالم" } } }]),
        ("spans", [new { kind = "spans", id = "a", prompt = "Mark it.", answers = new[] { new { text = Long, source = "a" } } }]),
        ("webgpt", [new { kind = "spans", id = "a", prompt = "Mark it.", answers = new[] { new { text = Long, source = "a", sources = new[] { new { id = "1", title = Word, url = $"https://example.org/{Word}", excerpt = Long } } }, new { text = "Blue [1].", source = "b", sources = new[] { new { id = "1", title = "On blue", url = "https://example.org", excerpt = "Blue." } } } } }]),
        ("chat", [new { kind = "chat", id = "a", prompt = Long }]),
    ];

    private static string Word => new('w', 300);

    private static string Long => string.Join("\n\n", Enumerable.Range(1, 4).Select(n => $"{(n == 1 ? "# A heading\n\n" : "")}{n}. A *paragraph* with `code` and 👩‍👩‍👧 and e\u0301\u0301\u0301, {Word}\n\n> quoted")) + "\n\n| a | b |\n|---|---|\n| " + Word + " | 2 |";

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    public async Task Every_kind_of_task_is_named_readable_and_fits(int width, ColorScheme scheme)
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new(), tasks: 0), width, scheme, "de-DE");
        var faults = new List<string>();
        foreach (var (name, lines) in Kinds)
        {
            var settings = name == "labels" ? new ProjectSettings { Labels = LabelScheme.OpenAssistant } : new();
            var project = await site.ProjectAsync(settings, name, string.Join('\n', lines.Select(line => JsonSerializer.Serialize(line))));
            await site.Database.Projects.AddInstructionAsync(project.Id, $"# Read\n\n{Long}\n\n:::good\nYes.\n:::\n\n:::bad\nNo.\n:::", null);
            await site.Database.Projects.SetMemberAsync(project.Id, worker.Person.Id, Role.Annotator, null);
            await CheckAsync(worker.Page, $"/work/{project.Id}", $"{name}-{width}-{scheme.ToString().ToLowerInvariant()}", faults);
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    public async Task Every_page_of_those_who_run_things_is_named_readable_and_fits(int width, ColorScheme scheme)
    {
        var project = await site.ProjectAsync(new() { Kind = TaskKind.Pair }, 3, name: $"A project with a name that is rather long, and a {new string('w', 60)}");
        var batch = await site.Database.Batches.CreateAsync(project.Id, "week 1", """{"policyCheckpoint":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}""", null);
        await site.Database.Cycle.OpenAsync(batch.Id, null, null);
        await using var worker = await site.WorkerAsync(project, width, scheme, "de-DE");
        await site.Database.Rules.AddAsync(project.Id, "rules: [{name: a, when: [{measure: judgments, atLeast: 1}], then: [{do: warn, message: m}]}]", null);
        await site.Database.People.SetRoleAsync(worker.Person.Id, Role.Owner, null);
        await site.Database.Access.InviteAsync(Role.Annotator, project.Id, "somebody.with.a.rather.long.name@some.rather.long.domain.example.org", TimeSpan.FromDays(1), null);
        await site.Database.Access.CreateKeyAsync(worker.Person.Id, "training", ["read"], null, null);
        var faults = new List<string>();
        string[] pages =
        [
            "/", "/people", $"/people/{worker.Person.Id}", "/audit", "/keys", "/projects/new", $"/mine/{project.Id}", "/nothing-here",
            .. new[] { "", "/members", "/batches", "/golden", "/quality", "/rules", "/pay", "/settings", "/audit", "/contributions" }.Select(page => $"/projects/{project.Id}{page}"),
        ];
        foreach (var page in pages)
            await CheckAsync(worker.Page, page, $"page{page.Replace(project.Id, "project").Replace(worker.Person.Id, "person").Replace('/', '-')}-{width}-{scheme.ToString().ToLowerInvariant()}", faults);
        await worker.Page.Context.ClearCookiesAsync();
        foreach (var page in new[] { "/sign-in", $"/invitation/{(await site.Database.Access.InviteAsync(Role.Viewer, null, null, TimeSpan.FromDays(1), null)).Token}", "/invitation/none", "/reset/none" })
            await CheckAsync(worker.Page, page, $"page{page.Split('/')[1]}-{width}", faults);
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    private async Task CheckAsync(IPage page, string path, string name, List<string> faults)
    {
        await page.GotoAsync(site.Address + path);
        await Browser.Picture(page, $"access-{name}.png");
        faults.AddRange((await page.EvaluateAsync<string[]>(Audit)).Select(fault => $"{name}: {fault}"));
    }
}
