using System.Text;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Web.Serving;

namespace Attune.Web.Chat;

/// <summary>
/// A model folder in this process, answered with as a server would (<see cref="ServedModel"/>): conversations are answered together, and the same for the same
/// seed whoever else asks. The model is spoken to as it was taught: with its tokenizer's chat template.
/// </summary>
public sealed class LocalChatModel : IChatModel, IDisposable
{
    private readonly ServedModel _model;

    private LocalChatModel(ServedModel model) => _model = model;

    /// <inheritdoc/>
    public string Name => _model.Files.Folder;

    /// <summary>Reads a folder: first what is cheap to check, then the weights.</summary>
    /// <param name="folder">A model with its tokenizer.</param>
    /// <param name="settings">Where to compute.</param>
    /// <exception cref="InputException">The folder or the device cannot be used.</exception>
    public static LocalChatModel Load(string folder, ComputeSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var files = ModelDescription.Read(folder, TokenizerUse.Needed);
        var compute = settings.Open("attune annotate", "--device");
        return new(new(files, files.Load(compute), settings.Threads > 0 ? settings.Threads : Environment.ProcessorCount));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        var texts = Enumerable.Range(0, request.Answers).Select(_ => new StringBuilder()).ToArray();
        try
        {
            await foreach (var part in _model.AnswerAsync(Asked(request), stop).ConfigureAwait(false))
                texts[part.Index].Append(part.Text);
        }
        catch (RunFailedException e)
        {
            throw new ChatModelException(new("model.weights"), e);
        }

        return [.. texts.Select(text => text.ToString().Trim())];
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private GenerationRequest Asked(ChatRequest request)
    {
        var prompt = Prompt(request.Conversation);
        var positions = _model.Files.Config.MaximumPositions;
        if (prompt.Length >= positions)
            throw new ChatModelException(new("model.long", positions));
        return new()
        {
            Prompts = [prompt],
            Choices = request.Answers,
            Sampling = new()
            {
                Temperature = request.Temperature,
                TopP = request.TopP,
                MaximumNewTokens = Math.Min(positions - prompt.Length, request.MaximumNewTokens),
                EndTokens = _model.EndIds(isChat: true),
            },
            Stops = _model.ChatStops,
            TopLogProbs = null,
            Streams = false,
            StreamsUsage = false,
            Seed = unchecked((long)request.Seed.Value),
            IsChat = true,
        };
    }

    private int[] Prompt(Conversation conversation)
    {
        try
        {
            return _model.PromptOf(conversation);
        }
        catch (InputException e)
        {
            throw new ChatModelException(new("model.template", e.Problems[0].Message), e);
        }
    }
}
