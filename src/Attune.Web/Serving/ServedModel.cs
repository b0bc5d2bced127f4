using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Web.Serving;

/// <summary>
/// A model whose answers are decoded on a thread of its own, all together (continuous batching): whoever asks joins between two tokens, and leaves at the end or
/// when nobody waits any more. A draw depends on (seed, answer, place) alone, so company never changes a text.
/// </summary>
public sealed class ServedModel : IDisposable
{
    /// <summary>Places of prompts that are read between two tokens of other answers: enough that products are as fast as they get, and some tenths of a second for a model that suits the machine.</summary>
    private const int PromptPlaces = 256;

    private readonly CausalLm _model;
    private readonly DecodingEngine _engine;
    private ChatPrompts _chat;
    private readonly ConcurrentQueue<Action> _work = new();
    private readonly ConcurrentDictionary<Decoding, byte> _open = new();
    private readonly SemaphoreSlim _isThereWork = new(0);
    private readonly Thread _thread;
    private readonly int _threads;
    private readonly int _most;
    private int _taken; // answers that wait or are decoded
    private volatile bool _isOver;

    /// <summary>Starts the thread. The model becomes this one's.</summary>
    /// <param name="files">What the folder says.</param>
    /// <param name="model">Its weights.</param>
    /// <param name="threads">Threads of an operator.</param>
    /// <param name="maximumRows">Answers that are decoded together.</param>
    /// <param name="maximumWaiting">Answers that <see cref="TryReserve"/> lets wait for a place.</param>
    public ServedModel(ModelDescription files, CausalLm model, int threads, int maximumRows = Sampler.UsualBatch, int maximumWaiting = 256)
    {
        (Files, _model, _threads, _most) = (files, model, threads, maximumRows + maximumWaiting);
        _engine = new(model) { MaximumRows = maximumRows, PromptPlaces = PromptPlaces };
        _chat = new(Tokenizer);
        _thread = new(Run) { IsBackground = true, Name = "decoding" };
        _thread.Start();
    }

    /// <summary>What the folder says of the model.</summary>
    public ModelDescription Files { get; }

    /// <summary>The day that the chat template is told; null for that of training.</summary>
    public DateTimeOffset? Now { init => _chat = new(Tokenizer, value); }

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer => Files.Tokenizer!;

    /// <summary>Answers that are being decoded.</summary>
    public int Active => _engine.Active;

    /// <summary>Answers that wait for a place.</summary>
    public int Waiting => _engine.Waiting;

    /// <summary>Texts that end an answer of a conversation, beside the end tokens.</summary>
    public IReadOnlyList<string> ChatStops => _chat.Stops;

    /// <summary>Tokens that end an answer, and those that end one of a conversation.</summary>
    public IReadOnlyList<int> EndIds(bool isChat) => isChat ? [.. Files.EndIds.Union(_chat.EndIds)] : Files.EndIds;

    /// <summary>The tokens that a conversation gives the model to answer.</summary>
    public int[] PromptOf(Conversation conversation) => _chat.Of(conversation);

    /// <summary>Makes room for so many answers; false where too many wait already. <see cref="Release"/> gives it back.</summary>
    public bool TryReserve(int answers)
    {
        if (Interlocked.Add(ref _taken, answers) <= _most)
            return true;
        Interlocked.Add(ref _taken, -answers);
        return false;
    }

    /// <summary>Gives room back.</summary>
    public void Release(int answers) => Interlocked.Add(ref _taken, -answers);

    /// <summary>Has an answer decoded; its callbacks run on the model's thread.</summary>
    /// <exception cref="ArgumentException">A prompt or setting makes no sense.</exception>
    public void Submit(Decoding decoding)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _engine.Submit(decoding);
        _open[decoding] = 0;
        _isThereWork.Release();
    }

    /// <summary>Has answers written and gives their parts as they come. Whoever stops reading gives up what is not there yet.</summary>
    /// <exception cref="RunFailedException">The model gives none.</exception>
    internal async IAsyncEnumerable<AnswerPart> AnswerAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken stop)
    {
        var parts = Channel.CreateUnbounded<AnswerPart>(new() { SingleReader = true });
        var answers = new List<Answer>();
        try
        {
            for (var k = 0; k < request.Answers; k++)
                answers.Add(new(k, request, this, parts.Writer));
            for (var open = answers.Count; open > 0;)
            {
                var part = await NextAsync(parts.Reader, stop).ConfigureAwait(false);
                open -= part.Finish is null ? 0 : 1;
                yield return part;
            }
        }
        finally
        {
            foreach (var answer in answers)
                answer.Cancel();
        }
    }

    /// <summary>Gives an answer up, or says that it is there.</summary>
    public void End(Decoding decoding)
    {
        decoding.Cancel();
        _open.TryRemove(decoding, out _);
    }

    /// <summary>Computes something with the model between two tokens of the others.</summary>
    public async Task<T> ComputeAsync<T>(Func<CausalLm, T> compute, CancellationToken stop)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Enqueue(() =>
        {
            if (stop.IsCancellationRequested)
            {
                result.TrySetCanceled(stop);
                return;
            }

            try
            {
                using var scope = TensorScope.Begin();
                result.TrySetResult(compute(_model));
            }
            catch (Exception e)
            {
                result.TrySetException(e);
            }
        });
        _isThereWork.Release();
        return await result.Task.WaitAsync(stop).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        _isThereWork.Release();
        _thread.Join();
        EndAll(new("The model was put away before the answer ended, expected to be asked while it is there; ask again when it is back"));
        _engine.Dispose();
        _model.Dispose();
        _isThereWork.Dispose();
    }

    private void Run()
    {
        TorchRuntime.Threads = _threads; // a setting of the thread
        while (!_isOver)
        {
            while (_work.TryDequeue(out var work))
                work();
            if (!TryStep())
                _isThereWork.Wait();
        }
    }

    /// <summary>One token of every answer. What breaks a step ends the answers that were part of it, and not the server.</summary>
    private bool TryStep()
    {
        try
        {
            return _engine.Step();
        }
        catch (Exception e)
        {
            EndAll(new($"The model could not be computed ({e.Message.TrimEnd('.')}), expected room and numbers for {_engine.Active} answers; ask for fewer or shorter ones at once", e));
            return true;
        }
    }

    private void EndAll(RunFailedException reason)
    {
        foreach (var decoding in _open.Keys)
        {
            decoding.Failed?.Invoke(reason);
            End(decoding);
        }
    }

    private static async ValueTask<AnswerPart> NextAsync(ChannelReader<AnswerPart> parts, CancellationToken stop)
    {
        try
        {
            return await parts.ReadAsync(stop).ConfigureAwait(false);
        }
        catch (ChannelClosedException e) when (e.InnerException is RunFailedException failed)
        {
            throw new RunFailedException(failed.Message, failed);
        }
    }
}
