using System.Diagnostics;
using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Torch;
using Attune.Web.Client;
using Attune.Web.Work;

namespace Attune.Web.Simulation;

/// <summary>How a simulated annotator judges.</summary>
public enum Behaviour
{
    /// <summary>Right nine times of ten.</summary>
    Honest,

    /// <summary>Right seven times of ten.</summary>
    Noisy,

    /// <summary>Takes the same step again and again, after a glance.</summary>
    Lazy,

    /// <summary>Takes the left answer eight times of ten, whatever it says.</summary>
    SideBiased,

    /// <summary>Draws a step in a tenth of the others' time.</summary>
    Fast,

    /// <summary>Agrees with the other colluders: on each prompt all of them take the same answer, good or not.</summary>
    Colluding,

    /// <summary>Wrong nine times of ten, on purpose.</summary>
    Adversarial,
}

/// <summary>Which answer is better, by what stands in them: what an honest judge sees.</summary>
/// <param name="prompt">The prompt.</param>
/// <param name="left">The answer on the left.</param>
/// <param name="right">The answer on the right.</param>
/// <returns>Whether the left one is.</returns>
public delegate bool LeftIsBetter(string prompt, string left, string right);

/// <summary>
/// One simulated annotator who judges pairs over HTTP as a person's page does: asks, thinks, sends, and is given the next. What he does depends on his seed and on the
/// tasks alone. Networks and servers that fail for a while are waited for, as the page does.
/// </summary>
internal sealed class HttpAnnotator(HttpCrowdMember member, HttpCrowdOptions options, AttuneClient client, CrowdDiary diary)
{
    private readonly Seed _seed = new Seed(options.Seed).For("annotator over HTTP").For(member.Name);
    private int _step;

    public async Task WorkAsync(CancellationToken stop)
    {
        var task = await AskAsync(stop).ConfigureAwait(false);
        while (task is not null && !diary.IsEnough)
        {
            await ThinkAsync(stop).ConfigureAwait(false);
            task = await AnswerAsync(task, stop).ConfigureAwait(false);
            _step++;
        }
    }

    /// <summary>Waits for a task; null when the project has none left for this person.</summary>
    private async Task<TaskView?> AskAsync(CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var next = await client.NextAsync(options.ProjectId, stop: stop).ConfigureAwait(false);
            if (next.Task is not null)
                diary.NoteWait(member.Name, Stopwatch.GetElapsedTime(began));
            if (next.Task is not null || next.Why != NothingReason.NoTask || await diary.IsDoneAsync(stop).ConfigureAwait(false))
                return next.Task;
            await Task.Delay(TimeSpan.FromMilliseconds(200), stop).ConfigureAwait(false); // others hold what is left; some will give it back
        }
    }

    private Task ThinkAsync(CancellationToken stop)
    {
        var share = member.Behaviour is Behaviour.Fast or Behaviour.Lazy ? 0.1 : 1;
        return Task.Delay(options.ThinkTime * (share * (0.5 + _seed.Uniform(_step))), stop);
    }

    private async Task<TaskView?> AnswerAsync(TaskView task, CancellationToken stop)
    {
        var answer = Judge(task);
        var mishap = _seed.Uniform(_step, 1) < options.Mishaps ? _seed.Below(5, _step, 2) : -1;
        switch (mishap)
        {
            case 0: // gives it back
                await client.ReleaseAsync(task.Token, "skip", stop).ConfigureAwait(false);
                return await AskAsync(stop).ConfigureAwait(false);
            case 1: // presses twice
                await Task.WhenAll(SendAsync(task, answer, next: false, stop), SendAsync(task, answer, next: false, stop)).ConfigureAwait(false);
                return await AskAsync(stop).ConfigureAwait(false);
            case 2: // takes it back, and answers again
                await SendAsync(task, answer, next: false, stop).ConfigureAwait(false);
                if (await client.UndoAsync(task.LeaseId, stop).ConfigureAwait(false) is { } again)
                    await SendAsync(again, answer with { Comment = "on second thoughts" }, next: false, stop).ConfigureAwait(false);
                return await AskAsync(stop).ConfigureAwait(false);
            case 3: // closes the page with the answer on its way; the browser sends it again later
                using (var closed = CancellationTokenSource.CreateLinkedTokenSource(stop))
                {
                    closed.CancelAfter(TimeSpan.FromMilliseconds(_seed.Below(10, _step, 3)));
                    try
                    {
                        await SendAsync(task, answer, next: false, closed.Token).ConfigureAwait(false);
                    }
                    catch (OperationCanceledException) when (!stop.IsCancellationRequested)
                    {
                        // it may have arrived or not
                    }
                }
                break;
            case 4:
                await client.HeartbeatAsync(task.Token, stop).ConfigureAwait(false);
                break;
        }
        return await SendAsync(task, answer, next: true, stop).ConfigureAwait(false) ?? await AskAsync(stop).ConfigureAwait(false);
    }

    private async Task<TaskView?> SendAsync(TaskView task, GivenAnswer answer, bool next, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        var reply = await client.SubmitAsync(task.Token, answer, next, stop).ConfigureAwait(false);
        diary.NoteAnswer(member.Name, reply.JudgmentId, next ? Stopwatch.GetElapsedTime(began) : null);
        return reply.Next?.Task;
    }

    private GivenAnswer Judge(TaskView task)
    {
        var (left, right) = (task.Answers[0].Text, task.Answers[1].Text);
        var (draw, better) = (_seed.Uniform(_step, 4), options.LeftIsBetter(task.Prompt, left, right));
        var takesLeft = member.Behaviour switch
        {
            Behaviour.Honest => better == draw < 0.9,
            Behaviour.Noisy => better == draw < 0.7,
            Behaviour.SideBiased => draw < 0.8,
            Behaviour.Fast => draw < 0.5,
            Behaviour.Colluding => Conspiracy(task.Prompt, left) > Conspiracy(task.Prompt, right),
            Behaviour.Adversarial => better != draw < 0.9,
            _ => true,
        };
        var steps = StepMeaning.Steps(task.Scale);
        var step = member.Behaviour == Behaviour.Lazy ? 1 : 1 + _seed.Below(steps / 2, _step, 5); // from the far end of a side
        var seconds = options.ThinkTime.TotalSeconds * (member.Behaviour is Behaviour.Fast or Behaviour.Lazy ? 0.1 : 1);
        return new() { Step = takesLeft ? step : steps + 1 - step, Seconds = seconds, ActiveSeconds = seconds, InterfaceVersion = "simulated" };
    }

    // The same for every colluder, whatever side the answer stands on.
    private static ulong Conspiracy(string prompt, string answer) => new Seed(99).For(prompt).For(answer).Value;
}
