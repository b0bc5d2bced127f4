using Attune.Tests.Architecture.MadeUp.Late;

// A made-up system of two folders, in which Early breaks the rule in every way that FolderOrder has to see.
#pragma warning disable CA1812 // never created: they are only looked at
namespace Attune.Tests.Architecture.MadeUp.Late
{
    internal class Improvement : Exception
    {
        public static int Count() => 1;

        public static Task<int> CountLater() => Task.FromResult(1);
    }

    [AttributeUsage(AttributeTargets.Class)]
    internal sealed class MarkAttribute : Attribute;
}

namespace Attune.Tests.Architecture.MadeUp.Early
{
    internal sealed class Inherits : Improvement;

    internal sealed class Holds
    {
        public Improvement[]? Kept { get; init; }
    }

    internal interface Returns
    {
        Improvement Next();
    }

    internal interface TakesList
    {
        void Take(IReadOnlyList<Dictionary<string, Improvement>> items);
    }

    internal static class Calls
    {
        public static int Run() => Improvement.Count();
    }

    internal static class CallsInClosure
    {
        public static Func<int> Run(int seed) => () => seed + Improvement.Count();
    }

    internal static class CallsAcrossAwait
    {
        public static async Task<int> Run() => 1 + await Improvement.CountLater();
    }

    internal static class Creates
    {
        public static object Run() => new Improvement();
    }

    internal static class NamesType
    {
        public static string Run() => typeof(Improvement).Name;
    }

    internal static class Catches
    {
        public static int Run(Func<int> work)
        {
            try
            {
                return work();
            }
            catch (Improvement)
            {
                return 0;
            }
        }
    }

    [Mark]
    internal sealed class IsMarked;

    internal static class CallsGeneric
    {
        public static object Run() => Array.Empty<Improvement>();
    }

    internal sealed class Constrains<T>
        where T : Improvement;
}
