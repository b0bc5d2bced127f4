using Attune.Feedback;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>A conversation with a model, by mouse and by keyboard alone, over restarts and failures.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class ChatTests(WorkSite site)
{
    private const string Task = """{"kind":"chat","id":"talk","prompt":"Talk about *The River*: ask what the film is like, and what you should watch next."}""";

    [Fact]
    public async Task A_conversation_is_held_by_mouse()
    {
        await using var worker = await WorkerAsync(new());
        await SayAsync(worker, "Is it long?");
        var first = await worker.Shown();
        await worker.Page.Locator("[data-choose='1']").ClickAsync();
        await worker.Page.Locator(".answer.taken").WaitForAsync();
        await SayAsync(worker, "And next?");
        await worker.Page.Locator(".log .other summary").ClickAsync();
        await worker.Page.Locator("[data-choose='0']").ClickAsync();
        await worker.Page.Locator("[name=conversation][value=good]").CheckAsync();
        await worker.Page.Locator("[name=comment]").FillAsync("Pleasant.");
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal((Outcome.Conversed, "good", "Pleasant."), (judgment.Outcome, judgment.Answers!["conversation"], judgment.Comment));
        Assert.Equal(["Is it long?", "And next?"], judgment.Turns!.Select(turn => turn.Prompt));
        Assert.Equal(judgment.Turns![0].Order[1], judgment.Turns[0].Chosen);
        Assert.Equal(judgment.Turns[1].Order[0], judgment.Turns[1].Chosen);
        Assert.StartsWith(first[1][..8], judgment.Turns[0].Answers[judgment.Turns[0].Chosen].Text);
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task A_conversation_is_held_by_keyboard_alone_with_strength()
    {
        await using var worker = await WorkerAsync(new() { AskStrength = true, MaximumTurns = 2, MinimumTurns = 2 });
        await worker.TabTo("[data-message]");
        await worker.Page.Keyboard.TypeAsync("Is it long? 1 or 2 hours?");
        await worker.Press("Control+Enter");
        await worker.Page.Locator("[data-which]:focus").WaitForAsync(); // read out, and digits are no text there
        await worker.Press("7");
        await worker.Page.Locator("[data-message]:focus").WaitForAsync();
        await worker.Page.Keyboard.TypeAsync("And next?");
        await worker.Press("Control+Enter");
        await worker.Page.Locator("[data-which]:focus").WaitForAsync();
        await worker.Press("4");
        await worker.Page.GetByText("Answer A is chosen.").WaitForAsync();
        await worker.Press("g", "Enter");

        var judgment = await worker.Judgment();
        Assert.Equal([(judgment.Turns![0].Order[1], 3), (judgment.Turns[1].Order[0], 1)], judgment.Turns.Select(turn => (turn.Chosen, turn.Strength!.Value)));
        Assert.Equal("good", judgment.Answers!["conversation"]);
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task A_message_sent_while_the_server_is_gone_is_answered_when_it_is_back_and_a_reload_shows_everything()
    {
        await using var worker = await WorkerAsync(new());
        await SayAsync(worker, "Is it long?");
        await worker.Press("2");
        await worker.Page.GetByText("Answer B is chosen.").WaitForAsync();
        await worker.Page.Locator("[data-message]").FillAsync("Are you there?");
        await site.RestartAsync(async () =>
        {
            await worker.Press("Control+Enter");
            await worker.Page.GetByText("No connection: your message is kept here").WaitForAsync();
        });
        await worker.Page.Locator("[data-shown]").GetByText("to “Are you there?”").First.WaitForAsync();
        var shown = await worker.Shown();

        await worker.Page.Locator("[name=comment]").FillAsync("Half of it.");
        await worker.Reload();

        Assert.Equal(shown, await worker.Shown());
        Assert.Equal(["Is it long?", "Are you there?"], (await worker.Page.Locator(".log .you .text-of").AllTextContentsAsync()).Select(text => text.Trim()));
        Assert.Equal("Half of it.", await worker.Page.Locator("[name=comment]").InputValueAsync());
        Assert.Equal("", await worker.Page.Locator("[data-message]").InputValueAsync());
    }

    [Fact]
    public async Task A_model_that_fails_is_said_to_and_the_message_stays_for_another_try()
    {
        await using var worker = await WorkerAsync(new());
        site.Model.Failure = new("model.busy");
        try
        {
            await worker.Page.Locator("[data-message]").FillAsync("Is it long?");
            await worker.Page.Locator("[data-say]").ClickAsync();
            await worker.Page.GetByRole(AriaRole.Alert).GetByText("too much to do").WaitForAsync();
            Assert.Equal("Is it long?", await worker.Page.Locator("[data-message]").InputValueAsync());
            await worker.Send();
            await worker.Page.GetByText("Go on for at least 1 turns.").WaitForAsync();
        }
        finally
        {
            site.Model.Failure = null;
        }
        await worker.Page.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await worker.Page.GetByText("Two answers are here.").WaitForAsync();
        Assert.True(await worker.Page.Locator("[data-problem]").IsHiddenAsync());
        Assert.NotEqual("owned", await worker.Page.TitleAsync());
        await worker.Send();
        await worker.Page.GetByText("Choose an answer first.").WaitForAsync();
    }

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task A_conversation_fits_a_phone_and_a_desk_in_light_and_dark(int width, ColorScheme scheme)
    {
        foreach (var asks in new[] { false, true })
        {
            await using var worker = await WorkerAsync(new() { AskStrength = asks }, width, scheme);
            await Browser.Picture(worker.Page, $"work-chat-empty-{width}-{scheme.ToString().ToLowerInvariant()}.png");
            await SayAsync(worker, "Is *The River* worth two and a half hours of an evening? My sister says no.");
            await worker.Press(asks ? "7" : "2");
            await worker.Page.GetByText("Answer B is chosen.").WaitForAsync();
            await SayAsync(worker, "What should I watch next?");
            if (asks)
                await worker.Press("3");
            Assert.Equal(width, await worker.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            Assert.Empty(worker.Complaints);
            await Browser.Picture(worker.Page, $"work-chat-{(asks ? "strength" : "choice")}-{width}-{scheme.ToString().ToLowerInvariant()}.png");
        }
    }

    private async Task<Worker> WorkerAsync(ChatSettings chat, int width = 1280, ColorScheme scheme = ColorScheme.Light) =>
        await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Chat, Chat = chat }, "Talks", Task), width, scheme);

    private static async Task SayAsync(Worker worker, string text)
    {
        await worker.Page.Locator("[data-message]").FillAsync(text);
        await worker.Page.Locator("[data-say]").ClickAsync();
        await worker.Page.Locator("[data-shown]").GetByText($"to “{text[..3]}").First.WaitForAsync();
        await worker.Page.Locator("[data-which]:focus").WaitForAsync();
    }
}
