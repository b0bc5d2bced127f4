using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Web.Chat;

/// <summary>
/// A model folder in this process. One conversation is answered at a time, the others wait in a row; answers are drawn with Attune's own sampler and are the
/// same for the same seed. The model is spoken to as it was taught: with its tokenizer's chat template (<see cref="ChatPrompts"/>).
/// </summary>
public sealed class LocalChatModel : IChatModel, IDisposable
{
    private readonly ModelDescription _files;
    private readonly CausalLm _model;
    private readonly int _threads;
    private readonly ChatPrompts _chat;
    private readonly SemaphoreSlim _turn = new(1);

    private LocalChatModel(ModelDescription files, CausalLm model, int threads)
    {
        (_files, _model, _threads) = (files, model, threads);
        _chat = new(Tokenizer);
    }

    /// <inheritdoc/>
    public string Name => _files.Folder;

    private Tokenizer Tokenizer => _files.Tokenizer!;

    /// <summary>Reads a folder: first what is cheap to check, then the weights.</summary>
    /// <param name="folder">A model with its tokenizer.</param>
    /// <param name="settings">Where to compute.</param>
    /// <exception cref="InputException">The folder or the device cannot be used.</exception>
    public static LocalChatModel Load(string folder, ComputeSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var files = ModelDescription.Read(folder, TokenizerUse.Needed);
        var compute = settings.Open("attune annotate", "--device");
        return new(files, files.Load(compute), settings.Threads > 0 ? settings.Threads : Environment.ProcessorCount);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Sample(request, stop), stop).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Wait(); // until nobody computes with the weights
        _model.Dispose();
        _turn.Dispose();
    }

    private string[] Sample(ChatRequest request, CancellationToken stop)
    {
        TorchRuntime.Threads = _threads; // a setting of the thread, which comes from a pool
        var prompt = Prompt(request.Conversation);
        var room = _files.Config.MaximumPositions - prompt.Length;
        if (room < 1)
            throw new ChatModelException(new("model.long", _files.Config.MaximumPositions));
        var options = new SamplingOptions
        {
            Temperature = request.Temperature,
            TopP = request.TopP,
            MaximumNewTokens = Math.Min(room, request.MaximumNewTokens),
            EndTokens = [.. _files.EndIds.Union(_chat.EndIds)],
            StopStrings = _chat.Stops,
        };
        var sampler = new Sampler(_model, options, id => Tokenizer.BytesOf(id).ToArray());
        try
        {
            return [.. sampler.Sample([.. Enumerable.Range(0, request.Answers).Select(id => new SampleRequest(prompt, id))], request.Seed, stop: stop).Select(TextOf)];
        }
        catch (RunFailedException e)
        {
            throw new ChatModelException(new("model.weights"), e);
        }
    }

    private int[] Prompt(Conversation conversation)
    {
        try
        {
            return _chat.Of(conversation);
        }
        catch (InputException e)
        {
            throw new ChatModelException(new("model.template", e.Problems[0].Message), e);
        }
    }

    private string TextOf(Rollout rollout)
    {
        var text = rollout.TextBy(Tokenizer);
        foreach (var stop in _chat.Stops)
            text = text.Split(stop, 2)[0];
        return text.Trim();
    }
}
