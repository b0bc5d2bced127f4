using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Trees;
using Attune.Storage.Work;

namespace Attune.Browser.Tests.Work;

/// <summary>Each kind of task, a row: its task, how it is done with the mouse, how with the keyboard alone, and what is in the log then. Pairs, rankings and ratings are in <see cref="AnswerTests"/>.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class EveryKindTests(WorkSite site)
{
    private const string Sources = """
        "answers":[{"text":"Blue skies [1].","source":"a","sources":[{"id":"1","title":"Sky","url":"https://example.org"}]},{"text":"Grey skies [1].","source":"b","sources":[{"id":"1","title":"Fog","url":"https://example.org"}]}]
        """;

    private static readonly Row[] Rows =
    [
        new("question", """{"kind":"question","id":"t","questions":[{"id":"a","text":"Good?","type":"yes-no"},{"id":"b","text":"Long?","type":"choice","options":[{"id":"x","text":"Very"},{"id":"y","text":"Hardly"}]}]}""",
            async worker =>
            {
                await worker.Page.Locator("[name=q-a][value=no]").ClickAsync();
                await worker.Page.GetByText("Hardly").ClickAsync();
                await worker.Send();
            },
            worker => worker.Press("2", "2", "Enter"),
            judgment => Assert.Equal(("no", "y"), (judgment.Answers!["a"], judgment.Answers["b"]))),
        new("write", """{"kind":"write","id":"t","prompt":"Write a haiku."}""",
            async worker =>
            {
                await worker.Page.Locator("[name=text]").FillAsync("Rain on roofs.");
                await worker.Send();
            },
            async worker =>
            {
                await worker.Type("[name=text]", "Rain on roofs.");
                await worker.Press("Control+Enter");
            },
            judgment => Assert.Equal((Outcome.Written, "Rain on roofs."), (judgment.Outcome, judgment.Text))),
        new("verify", """{"kind":"verify","id":"t","prompt":"Write a haiku.","text":"Rain.","round":0}""",
            async worker =>
            {
                await worker.Page.Locator("[name=q-accept][value=no]").ClickAsync();
                await worker.Page.Locator("[name=why]").FillAsync("No season.");
                await worker.Send();
            },
            async worker =>
            {
                await worker.Press("2");
                await worker.Type("[name=why]", "No season.");
                await worker.Press("Control+Enter");
            },
            judgment => Assert.Equal(("no", "No season."), (judgment.Answers!["accept"], judgment.Reason))),
        new("fix", """{"kind":"fix","id":"t","prompt":"Write a haiku.","text":"Rain on rofs.","round":0,"reasons":["A typo."]}""",
            async worker =>
            {
                Assert.Contains("A typo.", await worker.Page.Locator("main").TextContentAsync());
                await worker.Page.Locator("[name=text]").FillAsync("Rain on roofs.");
                await worker.Send();
            },
            async worker =>
            {
                await worker.Type("[name=text]", "Rain on roofs.");
                await worker.Press("Control+Enter");
            },
            judgment => Assert.Equal((Outcome.Written, "Rain on roofs."), (judgment.Outcome, judgment.Text))),
        new("labels", """{"kind":"rate","id":"t","prompt":"Rate.","answers":[{"source":"m","text":"A film."}]}""",
            async worker =>
            {
                string[] yes = ["private-data"];
                foreach (var question in OpenAssistantLabels.Questions)
                    await worker.Page.Locator($"[data-label={question}] [value={(yes.Contains(question) ? "yes" : "no")}]").CheckAsync();
                foreach (var (scale, value) in OpenAssistantLabels.Scales.Zip([4, 5, 1, 2, 3, 5]))
                    await worker.Page.Locator($"[data-axis={scale}] [value='{value}']").CheckAsync();
                await worker.Send();
            },
            worker => worker.Press([.. OpenAssistantLabels.Questions.Select(question => question == "private-data" ? "1" : "2"), "4", "5", "1", "2", "3", "5", "Enter"]),
            judgment =>
            {
                Assert.Equal(OpenAssistantLabels.Questions.Order(StringComparer.Ordinal), judgment.Answers!.Keys.Order(StringComparer.Ordinal));
                Assert.Equal("private-data", Assert.Single(judgment.Answers, answer => answer.Value == "yes").Key);
                Assert.Equal(OpenAssistantLabels.Scales.Zip([4, 5, 1, 2, 3, 5], (scale, value) => new AxisRating(scale, value, 5, 0)), judgment.Ratings);
            }) { Settings = new() { Kind = TaskKind.Rate, Axes = [], Labels = LabelScheme.OpenAssistant } },
        new("sources", "{\"kind\":\"spans\",\"id\":\"t\",\"prompt\":\"What colour?\"," + Sources + "}",
            async worker =>
            {
                await worker.Page.Locator(".raw").First.DblClickAsync(new() { Position = new() { X = 12, Y = 12 } }); // selects a word
                await worker.Page.Locator("[data-category=core-claim]").ClickAsync();
                await worker.Page.Locator("[data-trust='trust#0/1'] [value=suspicious]").CheckAsync();
                await worker.Page.Locator(".difference summary").ClickAsync();
                await worker.Send();
            },
            async worker =>
            {
                await worker.TabTo(".raw");
                await worker.Press("Home", "Shift+ArrowRight", "5");
                await worker.TabTo("[data-trust='trust#0/1'] input");
                await worker.Press("ArrowDown", "ArrowDown");
                await worker.TabTo(".difference summary");
                await worker.Press("Enter");
                Assert.True(await worker.Page.Locator(".difference p ins").First.IsVisibleAsync());
                await worker.TabTo(".send .primary");
                await worker.Press("Enter");
            },
            judgment =>
            {
                var span = Assert.Single(judgment.Spans!);
                Assert.Equal((judgment.Order[0], 0, "core-claim"), (span.Answer, span.Start, span.Category));
                Assert.Equal(($"trust#{judgment.Order[0]}/1", "suspicious"), (Assert.Single(judgment.Answers!).Key, judgment.Answers!.Values.Single()));
            }),
        new("chat in steps", """{"kind":"chat","id":"t","prompt":"Talk about a film."}""",
            async worker =>
            {
                await worker.Page.Locator("[data-message]").FillAsync("Is it long?");
                await worker.Page.Locator("[data-say]").ClickAsync();
                await worker.Page.Locator("[data-step='7']").ClickAsync();
                await worker.Page.Locator("[name=conversation][value=bad]").CheckAsync();
                await worker.Send();
            },
            async worker =>
            {
                await worker.Type("[data-message]", "Is it long?");
                await worker.Press("Control+Enter");
                await worker.Page.Locator("[data-which]:focus").WaitForAsync();
                await worker.Press("7");
                await worker.Page.GetByText("Answer B is chosen.").WaitForAsync();
                await worker.TabTo("[name=conversation]"); // from the next message's field, where letters are text
                await worker.Press("b", "Enter");
            },
            judgment =>
            {
                var turn = Assert.Single(judgment.Turns!);
                Assert.Equal(("Is it long?", turn.Order[1], 3, "bad"), (turn.Prompt, turn.Chosen, turn.Strength!.Value, judgment.Answers!["conversation"]));
            }) { Settings = new() { Kind = TaskKind.Chat, Chat = new() { AskStrength = true } } },
        new("chat", """{"kind":"chat","id":"t","prompt":"Talk about a film."}""",
            async worker =>
            {
                await worker.Page.Locator("[data-message]").FillAsync("Is it long?");
                await worker.Page.Locator("[data-say]").ClickAsync();
                await worker.Page.Locator("[data-choose='0']").ClickAsync();
                await worker.Page.Locator("[name=conversation][value=good]").CheckAsync();
                await worker.Send();
            },
            async worker =>
            {
                await worker.Type("[data-message]", "Is it long?");
                await worker.Press("Control+Enter");
                await worker.Page.Locator("[data-which]:focus").WaitForAsync();
                await worker.Press("1");
                await worker.Page.GetByText("Answer A is chosen.").WaitForAsync();
                await worker.TabTo("[name=conversation]");
                await worker.Press("g", "Enter");
            },
            judgment => Assert.Equal((judgment.Turns![0].Order[0], "good"), (judgment.Turns[0].Chosen, judgment.Answers!["conversation"]))) { Settings = new() { Kind = TaskKind.Chat } },
    ];

    public static TheoryData<string, bool> Ways
    {
        get
        {
            var ways = new TheoryData<string, bool>();
            foreach (var row in Rows)
            {
                ways.Add(row.Name, true);
                ways.Add(row.Name, false);
            }
            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_task_is_done_by_mouse_and_by_keyboard_alone(string name, bool byMouse)
    {
        var row = Rows.Single(row => row.Name == name);
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(row.Settings, name, row.Task));

        await (byMouse ? row.ByMouse : row.ByKeyboard)(worker);

        row.Check(await worker.Judgment());
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tree_of_messages_grows_prompt_review_replies_and_ranking(bool byMouse)
    {
        var project = await site.ProjectAsync(
            new() { Kind = TaskKind.Message, Tree = new() { Messages = 3, Depth = 1, Replies = 2, Reviews = 1, Rankings = 1 } }, "Tree", """{"kind":"message","id":"t","topic":"Ask about birds."}""");
        await using var one = await site.WorkerAsync(project);
        await using var two = await site.WorkerAsync(project);
        await using var three = await site.WorkerAsync(project);
        var done = new List<string>();
        for (var round = 0; round < 6 && !done.Contains("rank"); round++)
        {
            foreach (var worker in new[] { one, two, three })
            {
                await worker.Reload();
                if (await worker.Kind() is not { } kind)
                    continue;
                done.Add(kind);
                await DoAsync(worker, kind, byMouse, done.Count);
                await worker.Log(done.Count);
            }
        }

        Assert.Equal(["message", "message", "message", "rank", "review", "review", "review"], done.Order(StringComparer.Ordinal));
        Assert.Equal(TreeState.Ready, Assert.Single((await site.Database.Trees.ListAsync(project.Id, null, new())).Items).State);
        var ranking = (await one.Log(7)).Single(judgment => judgment.Outcome == Outcome.Ranking);
        Assert.Equal([2, 1], ranking.Order.Select(index => ranking.Ranks[index])); // B before A, as shown
        Assert.Empty(one.Complaints.Concat(two.Complaints).Concat(three.Complaints));
    }

    private static async Task DoAsync(Worker worker, string kind, bool byMouse, int number)
    {
        switch (kind, byMouse)
        {
            case ("message", true):
                await worker.Page.Locator("[name=text]").FillAsync($"Message {number} about owls.");
                break;
            case ("message", false):
                await worker.Type("[name=text]", $"Message {number} about owls.");
                break;
            case ("review", true):
                await worker.Page.Locator("label:has([name=q-acceptable][value=yes])").ClickAsync();
                await worker.Page.Locator("label:has([name=q-spam][value=no])").ClickAsync();
                break;
            case ("review", false):
                await worker.Press("1", "2");
                break;
            case (_, true):
                await worker.Page.Locator("[data-chip='1']").ClickAsync();
                await worker.Page.Locator("[data-chip='0']").ClickAsync();
                break;
            default:
                await worker.Press("r", "1"); // A first, then B before it
                await worker.TabTo("[data-chip='1']");
                await worker.Press("1", "ArrowUp");
                break;
        }
        await (byMouse ? worker.Send() : worker.Press("Control+Enter"));
    }

    private sealed record Row(string Name, string Task, Func<Worker, Task> ByMouse, Func<Worker, Task> ByKeyboard, Action<Judgment> Check)
    {
        public ProjectSettings Settings { get; init; } = new();
    }
}
